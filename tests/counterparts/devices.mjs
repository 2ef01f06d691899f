// Looks at the pages to let a device in and to log out on: without scripts, by the keyboard, on small screens, in two languages.
//
// Beside what chromium.mjs says it is given `device`, a client without a secret that runs on devices, and `farewell`, where `client` has
// people sent who log out.

import assert from 'node:assert/strict'

import {
  SCREENS, authorize, came, click, comes, ends, enters, focused, hasNoFault, looksWell, picture, press, saidAt, somebody, tabTo, through, told,
} from './chromium.mjs'
import { step } from './common.mjs'

const { issuer, client, device, farewell, people } = told

const words = {
  en: {
    title: 'Let a device in', field: 'Code', help: 'The eight letters that the device shows.', go: 'Continue',
    wrong: 'There is no such code, or it is too old.', login: `Log in to ${client.tenant}`, email: 'Email address', password: 'Password',
    enter: 'Log in', consent: 'Allow access?', may: ['Know who you are', 'Keep this access when you are away'],
    shows: 'The device shows the code', beware: /^Allow this only if you began it yourself /, allow: 'Allow', deny: 'Do not allow',
    allowed: 'The device is let in', denied: 'The device was not let in', error: 'This does not work',
    leave: 'Log out?', out: 'Log out', stay: 'Stay logged in', stayed: 'You are still logged in', left: 'You are logged out',
    asked: 'You will be logged out of every application that you came to from here in this browser.',
    address: 'The application that sent you here wants you sent to an address that it has not registered.',
  },
  de: {
    title: 'Ein Gerät anmelden', field: 'Code', help: 'Die acht Buchstaben, die das Gerät zeigt.', go: 'Weiter',
    wrong: 'Diesen Code gibt es nicht, oder er ist zu alt.', login: `Anmelden bei ${client.tenant}`, email: 'E-Mail-Adresse',
    password: 'Passwort', enter: 'Anmelden', consent: 'Zugriff erlauben?',
    may: ['Wissen, wer Sie sind', 'Diesen Zugriff behalten, wenn Sie nicht da sind'],
    shows: 'Das Gerät zeigt den Code', beware: /^Erlauben Sie das nur, wenn Sie es selbst begonnen haben /, allow: 'Erlauben',
    deny: 'Nicht erlauben', allowed: 'Das Gerät ist angemeldet', denied: 'Das Gerät wurde nicht angemeldet', error: 'Das geht nicht',
    leave: 'Abmelden?', out: 'Abmelden', stay: 'Angemeldet bleiben', stayed: 'Sie sind weiterhin angemeldet', left: 'Sie sind abgemeldet',
    asked: 'Sie werden bei allen Anwendungen abgemeldet, zu denen Sie in diesem Browser von hier aus gekommen sind.',
    address: 'Die Anwendung, von der Sie kommen, möchte Sie an eine Adresse weiterleiten, die sie nicht angemeldet hat.',
  },
}

/** What the device asks the platform. */
async function ask(path, fields) {
  const body = new URLSearchParams({ client_id: device.id, ...fields })
  const answer = await fetch(`${issuer}${path}`, { method: 'POST', body })
  return { status: answer.status, ...(await answer.json()) }
}

/** A device that wants to be let in, and what it shows. */
async function appears() {
  const shown = await ask('/oauth/device_authorization', { scope: 'openid offline_access' })
  assert.equal(shown.status, 200, JSON.stringify(shown))
  return shown
}

/** What a device is told that asks whether it is in. */
const isIn = ({ device_code }) => ask('/oauth/token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code })

// By the keyboard alone: a wrong code first, then the right one as people write it.
async function letIn(language, person) {
  const say = words[language]
  const one = await somebody(language)
  const { page } = one
  const shown = await appears()
  await page.goto(shown.verification_uri)
  await looksWell(page, language, say.title)
  await picture(page, `${language}-device`)
  assert.equal(await focused(page).getAttribute('name'), 'user_code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.help])
  await page.keyboard.type('BBBB-CCCC')
  await tabTo(page, say.go)
  await press(page, 'Enter')

  await looksWell(page, language, say.title)
  await picture(page, `${language}-device-wrong`)
  assert.equal(await page.getByRole('alert').textContent(), say.wrong)
  assert.equal(await focused(page).getAttribute('name'), 'user_code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.wrong, say.help])
  assert.equal(await page.getByLabel(say.field).inputValue(), 'BBBB-CCCC')
  await page.keyboard.press('Control+A')
  await page.keyboard.type(shown.user_code.replace('-', ' ').toLowerCase())
  await press(page, 'Enter')

  await looksWell(page, language, say.login)
  assert.equal(await focused(page).getAttribute('name'), 'email')
  await page.keyboard.type(person.email)
  await page.keyboard.press('Tab')
  await page.keyboard.type(person.password)
  await press(page, 'Enter')

  await looksWell(page, language, say.consent)
  await picture(page, `${language}-device-consent`)
  assert.deepEqual((await page.getByRole('listitem').allTextContents()).sort(), [...say.may].sort())
  const text = await page.getByRole('main').textContent()
  for (const part of [device.name, client.tenant, person.email, `${say.shows} ${shown.user_code}`]) assert.ok(text.includes(part), part)
  assert.equal(await page.getByText(say.beware).count(), 1)
  assert.equal(await focused(page).count(), 0)
  assert.equal((await isIn(shown)).error, 'authorization_pending')
  await tabTo(page, say.allow)
  await tabTo(page, say.deny)
  await page.keyboard.press('Shift+Tab')
  await press(page, 'Enter')
  await looksWell(page, language, say.allowed)
  await picture(page, `${language}-device-allowed`)
  assert.equal((await isIn(shown)).token_type, 'Bearer')
  step(`${language}: device let in`)

  // Whoever is logged in is asked all the same, and the code that the address brings stands there already.
  const another = await appears()
  await page.goto(another.verification_uri_complete)
  assert.equal(await page.getByLabel(say.field).inputValue(), another.user_code)
  await click(page, say.go)
  await looksWell(page, language, say.consent)
  const late = await one.context.newPage()
  await late.goto(another.verification_uri_complete)
  await click(late, say.go)
  await click(page, say.deny)
  await looksWell(page, language, say.denied)
  await picture(page, `${language}-device-denied`)
  assert.equal((await isIn(another)).error, 'access_denied')
  // What was said is said.
  await click(late, say.allow)
  await looksWell(late, language, say.error)
  assert.equal(await late.getByRole('alert').textContent(), say.wrong)
  await ends(one)
  step(`${language}: device not let in`)
}

function leave(parameters) {
  const url = new URL(`${issuer}/oauth/logout`)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url.href
}

const bye = { client_id: client.id, post_logout_redirect_uri: farewell, state: 'of this browser' }

// Whoever comes by a link that anybody could have made is asked.
async function logOut(language, person) {
  const say = words[language]
  const one = await somebody(language)
  const { page } = one
  await comes(page, say, person)
  assert.equal(await page.title(), say.consent)
  await page.goto(leave(bye))
  await looksWell(page, language, say.leave)
  await picture(page, `${language}-logout`)
  const text = await page.getByRole('main').textContent()
  for (const part of [person.email, client.tenant, say.asked]) assert.ok(text.includes(part), part)
  // Whoever presses Enter too early has logged nobody out.
  assert.equal(await focused(page).count(), 0)
  await tabTo(page, say.out)
  await tabTo(page, say.stay)
  await press(page, 'Enter')
  await looksWell(page, language, say.stayed)
  await picture(page, `${language}-stayed`)
  step(`${language}: stayed logged in`)

  await page.goto(authorize({ prompt: 'consent' }))
  await looksWell(page, language, say.consent)
  await page.goto(leave(bye))
  await page.keyboard.press('Tab')
  await press(page, 'Enter')
  came(page, farewell)
  await page.goto(authorize())
  await looksWell(page, language, say.login)
  // Nobody is asked who is not logged in.
  await page.goto(leave(bye))
  came(page, farewell)
  step(`${language}: logged out, and sent on`)

  await comes(page, say, person)
  assert.equal(await page.title(), say.consent)
  await page.goto(leave({}))
  await click(page, say.out)
  await looksWell(page, language, say.left)
  await picture(page, `${language}-logged-out`)
  await page.goto(authorize())
  await looksWell(page, language, say.login)
  await page.goto(leave({ ...bye, post_logout_redirect_uri: `${farewell}/elsewhere` }))
  await looksWell(page, language, say.error)
  assert.equal(await page.getByRole('alert').textContent(), say.address)
  await ends(one)
  step(`${language}: logged out, and told so`)
}

async function onScreens(person) {
  const say = words.en
  for (const [name, options] of SCREENS) {
    const one = await somebody('en', options)
    const { page } = one
    const look = (what) => hasNoFault(page, what, name)
    const shown = await appears()
    await page.goto(shown.verification_uri)
    await look('device')
    await page.getByLabel(say.field).fill('BBBB-CCCC')
    await click(page, say.go)
    await look('device-wrong')
    await page.getByLabel(say.field).fill(shown.user_code)
    await click(page, say.go)
    await look('device-login')
    await enters(page, say, person)
    await look('device-consent')
    await click(page, say.allow)
    await look('device-allowed')
    const another = await appears()
    await page.goto(another.verification_uri_complete)
    await click(page, say.go)
    await click(page, say.deny)
    await look('device-denied')
    await page.goto(leave({}))
    await look('logout')
    await click(page, say.stay)
    await look('stayed')
    await page.goto(leave({}))
    await click(page, say.out)
    await look('logged-out')
    await ends(one)
  }
  step('no fault found by axe, on any screen')
}

await through(async () => {
  await letIn('en', people.plain)
  await letIn('de', people.other)
  await logOut('en', people.plain)
  await logOut('de', people.other)
  await onScreens(people.plain)
})
