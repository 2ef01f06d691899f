// Registers passkeys in Chromium and uses them on the pages, as second factors and by themselves, with an authenticator of Chromium's own,
// and looks at those pages: their script, what they say when nothing comes of it, and what can be done without either.
//
// `people` are two, by the language that they speak, with what they log in with over the API.

import assert from 'node:assert/strict'

import {
  SCREENS, authorize, came, click, comes, ends, focused, hasNoFault, looksWell, picture, press, saidAt, sessionOf, somebody, tabTo,
  through, told,
} from './chromium.mjs'
import { step } from './common.mjs'

const { issuer, client, people } = told

/** What the page to log in on loads when somebody wants to use a passkey, and nothing else. */
const OPTIONS = '/v1/auth/passkeys/options'

const words = {
  en: {
    login: `Log in to ${client.tenant}`, email: 'Email address', password: 'Password', enter: 'Log in',
    strange: 'The passkey does not log you in here, or was used too late.', title: 'Second factor', use: 'Use a passkey', go: 'Continue',
    cancel: 'Cancel', field: 'Recovery code', help: 'One of those that you were shown when you set up your second factor.',
    unused: 'No passkey was used. Try again, or go on in another way.', consent: 'Allow access?', allow: 'Allow',
    wrong: 'The passkey is not one of this account, or was used too late.',
  },
  de: {
    login: `Anmelden bei ${client.tenant}`, email: 'E-Mail-Adresse', password: 'Passwort', enter: 'Anmelden',
    strange: 'Der Passkey meldet Sie hier nicht an oder wurde zu spät verwendet.', title: 'Zweiter Faktor', use: 'Passkey verwenden', go: 'Weiter',
    cancel: 'Abbrechen', field: 'Wiederherstellungscode',
    help: 'Einer von denen, die Ihnen gezeigt wurden, als Sie Ihren zweiten Faktor eingerichtet haben.',
    unused: 'Es wurde kein Passkey verwendet. Versuchen Sie es noch einmal, oder machen Sie auf andere Weise weiter.',
    consent: 'Zugriff erlauben?', allow: 'Erlauben',
    wrong: 'Der Passkey gehört nicht zu diesem Konto oder wurde zu spät verwendet.',
  },
}

/** An authenticator within the browser that has the page, which sees at once who is there. */
async function authenticator({ page }) {
  const session = await sessionOf(page)
  await session.send('WebAuthn.enable')
  const options = {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  }
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options })
  return (method, parameters = {}) => session.send(`WebAuthn.${method}`, { authenticatorId, ...parameters })
}

async function call(path, body, status, token) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(`${issuer}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await answer.text()
  assert.equal(answer.status, status, `${path}: ${text}`)
  return JSON.parse(text)
}

/** Registers a passkey in somebody's browser, as an app does that is at the platform's own address. Answers the recovery codes. */
async function register({ page }, person) {
  const { access_token: token } = await call('/v1/auth/login', person, 200)
  const options = await call('/v1/me/passkeys/options', { password: person.password }, 200, token)
  await page.goto(authorize())
  const passkey = await page.evaluate(async (options) => {
    const publicKey = globalThis.PublicKeyCredential.parseCreationOptionsFromJSON(options)
    return (await navigator.credentials.create({ publicKey })).toJSON()
  }, options)
  return (await call('/v1/me/passkeys', { name: 'Chromium', passkey }, 201, token)).recovery_codes
}

const unused = (page, say) => page.getByRole('alert').filter({ hasText: say.unused })

async function second(language, person) {
  const say = words[language]
  const one = await somebody(language, { javaScriptEnabled: true })
  const { page } = one
  const device = await authenticator(one)
  const codes = await register(one, person)
  assert.equal(codes.length, 10)
  const { credentials } = await device('getCredentials')
  assert.equal(credentials.length, 1)
  step(`${language}: registered`)

  // Nothing comes of it on a device that has no such passkey: that is said, and nobody is stuck.
  await device('clearCredentials')
  await comes(page, say, person)
  await looksWell(page, language, say.title)
  await picture(page, `${language}-passkey`)
  assert.equal(await page.getByRole('alert').count(), 0)
  assert.equal(await focused(page).getAttribute('name'), 'code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.help])
  await tabTo(page, say.go)
  await tabTo(page, say.use)
  await page.keyboard.press('Enter')
  await unused(page, say).waitFor()
  await picture(page, `${language}-passkey-unused`)
  await looksWell(page, language, say.title)
  assert.equal(await focused(page).textContent(), say.use)
  await tabTo(page, say.cancel)
  for (let back = 0; back < 3; back += 1) await page.keyboard.press('Shift+Tab')
  assert.equal(await focused(page).getAttribute('name'), 'code')
  await page.keyboard.type(codes.pop())
  await press(page, 'Enter')
  await looksWell(page, language, say.consent)
  step(`${language}: not used`)

  // What is not to be believed the platform says, and asks again.
  const [credential] = credentials
  await device('addCredential', { credential })
  await device('setResponseOverrideBits', { isBogusSignature: true })
  await comes(page, say, person)
  await click(page, say.use)
  await looksWell(page, language, say.title)
  assert.equal(await page.getByRole('alert').textContent(), say.wrong)
  await picture(page, `${language}-passkey-wrong`)
  assert.deepEqual(await saidAt(page, focused(page)), [say.wrong, say.help])
  await device('setResponseOverrideBits', { isBogusSignature: false })
  step(`${language}: not believed`)

  await page.keyboard.press('Tab')
  await tabTo(page, say.use)
  await press(page, 'Enter')
  await looksWell(page, language, say.consent)
  await click(page, say.allow)
  assert.match(came(page).get('code'), /./)
  step(`${language}: used`)

  await alone(language, one, device)
  await ends(one, [OPTIONS])
  const plain = await somebody(language)
  await comes(plain.page, say, person)
  await looksWell(plain.page, language, say.title)
  await picture(plain.page, `${language}-passkey-without-scripts`)
  assert.equal(await plain.page.getByRole('button', { name: say.use }).count(), 0)
  assert.equal(await plain.page.getByRole('alert').count(), 0)
  assert.equal(await focused(plain.page).getAttribute('name'), 'code')
  await plain.page.keyboard.type(codes.pop())
  await press(plain.page, 'Enter')
  await looksWell(plain.page, language, say.consent)
  await ends(plain)
  step(`${language}: without scripts`)
}

// By the keyboard alone, and without a password: first where nothing comes of it, then where the platform does not believe it.
async function alone(language, { page }, device) {
  const say = words[language]
  const { credentials: [credential] } = await device('getCredentials')
  await device('clearCredentials')
  await page.goto(authorize({ prompt: 'login consent' }))
  await looksWell(page, language, say.login)
  await picture(page, `${language}-passkey-alone`)
  assert.equal(await focused(page).getAttribute('name'), 'email')
  await page.keyboard.press('Tab')
  await tabTo(page, say.enter)
  await tabTo(page, say.use)
  await page.keyboard.press('Enter')
  await unused(page, say).waitFor()
  await picture(page, `${language}-passkey-alone-unused`)
  assert.equal(await focused(page).textContent(), say.use)

  await device('addCredential', { credential })
  await device('setResponseOverrideBits', { isBogusSignature: true })
  await press(page, 'Enter')
  await looksWell(page, language, say.login)
  assert.equal(await page.getByRole('alert').textContent(), say.strange)
  await picture(page, `${language}-passkey-alone-wrong`)
  await device('setResponseOverrideBits', { isBogusSignature: false })
  await click(page, say.use)
  await looksWell(page, language, say.consent)
  await click(page, say.allow)
  assert.match(came(page).get('code'), /./)
  step(`${language}: used alone`)
}

// The page's own script is let run to the letter, and no other.
async function noOther(person) {
  const { context, page, seen } = await somebody('en', { javaScriptEnabled: true })
  await comes(page, words.en, person)
  assert.ok(await page.getByRole('button', { name: words.en.use }).isVisible())
  await page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'document.title = "taken"'
    document.body.append(script)
  })
  assert.equal(await page.title(), words.en.title)
  assert.ok(seen.complaints.some((text) => /content security policy/i.test(text)), seen.complaints)
  await context.close()
  step('no other script runs')
}

async function onScreens(person) {
  const say = words.en
  for (const [name, options] of SCREENS) {
    const one = await somebody('en', options)
    const { page } = one
    await authenticator(one)
    await page.goto(authorize({ prompt: 'login consent' }))
    await page.getByRole('button', { name: say.use }).click()
    await unused(page, say).waitFor()
    await hasNoFault(page, 'passkey-alone-unused', name)
    await comes(page, say, person)
    await hasNoFault(page, 'passkey', name)
    await page.getByRole('button', { name: say.use }).click()
    await unused(page, say).waitFor()
    await hasNoFault(page, 'passkey-unused', name)
    await ends(one, [OPTIONS])
  }
  step('no fault found by axe, on any screen')
}

await through(async () => {
  for (const language of ['en', 'de']) await second(language, people[language])
  await noOther(people.en)
  await onScreens(people.en)
})
