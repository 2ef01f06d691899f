// Looks at the pages to log in and to let a client in on, as people have them: without scripts, by the keyboard, on small screens, in two
// languages.

import assert from 'node:assert/strict'

import {
  SCREENS, authorize, came, click, ends, enters, focused, hasNoFault, looksWell, picture, press, somebody, through, told,
} from './chromium.mjs'
import { step } from './common.mjs'

const { issuer, client, people } = told

const words = {
  en: {
    login: `Log in to ${client.tenant}`, email: 'Email address', password: 'Password', enter: 'Log in', cancel: 'Cancel',
    wrong: 'Email address or password is not right.', consent: 'Allow access?', allow: 'Allow', deny: 'Do not allow',
    may: ['Know who you are', 'See your name', 'See your email address', 'Keep this access when you are away', 'Do in your name: project.list'],
    code: 'Second factor', field: 'Code', recovery: 'This is a recovery code', badCode: 'The code is wrong, or was used.', go: 'Continue',
    error: 'This does not work', client: 'The application that sent you here is not known.',
    address: 'The application that sent you here wants you sent to an address that it has not registered.',
    old: 'This page is too old, or was opened in another browser. Go back to the application and begin again.',
  },
  de: {
    login: `Anmelden bei ${client.tenant}`, email: 'E-Mail-Adresse', password: 'Passwort', enter: 'Anmelden', cancel: 'Abbrechen',
    wrong: 'E-Mail-Adresse oder Passwort stimmt nicht.', consent: 'Zugriff erlauben?', allow: 'Erlauben', deny: 'Nicht erlauben',
    may: ['Wissen, wer Sie sind', 'Ihren Namen sehen', 'Ihre E-Mail-Adresse sehen', 'Diesen Zugriff behalten, wenn Sie nicht da sind', 'In Ihrem Namen tun: project.list'],
    code: 'Zweiter Faktor', field: 'Code', recovery: 'Das ist ein Wiederherstellungscode', badCode: 'Der Code ist falsch oder wurde schon benutzt.', go: 'Weiter',
    error: 'Das geht nicht', client: 'Die Anwendung, von der Sie kommen, ist nicht bekannt.',
    address: 'Die Anwendung, von der Sie kommen, möchte Sie an eine Adresse weiterleiten, die sie nicht angemeldet hat.',
    old: 'Diese Seite ist zu alt oder wurde in einem anderen Browser geöffnet. Gehen Sie zurück zur Anwendung und beginnen Sie von vorn.',
  },
}

// By the keyboard alone: every control is reached in its order, and the person sees where it is.
async function byKeyboard(language, person) {
  const say = words[language]
  const { context, page, seen } = await somebody(language)
  await page.goto(authorize())
  await looksWell(page, language, say.login)
  await picture(page, `${language}-login`)
  assert.equal(await focused(page).getAttribute('name'), 'email')
  const outline = await focused(page).evaluate((field) => getComputedStyle(field).outlineWidth)
  assert.notEqual(outline, '0px')
  await page.keyboard.type(person.email)
  await page.keyboard.press('Tab')
  await page.keyboard.type('not the one')
  await press(page, 'Enter')

  await looksWell(page, language, say.login)
  assert.equal(await page.getByRole('alert').textContent(), say.wrong)
  await picture(page, `${language}-login-wrong`)
  // What was right is still there, and what was wrong is not.
  assert.equal(await page.getByLabel(say.email).inputValue(), person.email)
  assert.equal(await page.getByLabel(say.password).inputValue(), '')
  assert.equal(await focused(page).getAttribute('name'), 'password')
  const described = await page.getByLabel(say.password).getAttribute('aria-describedby')
  assert.equal(await page.locator(`#${described}`).textContent(), say.wrong)
  await page.keyboard.type(person.password)
  await page.keyboard.press('Tab')
  assert.equal(await focused(page).textContent(), say.enter)
  await page.keyboard.press('Tab')
  assert.equal(await focused(page).textContent(), say.cancel)
  await page.keyboard.press('Shift+Tab')
  await press(page, 'Enter')

  await looksWell(page, language, say.consent)
  await picture(page, `${language}-consent`)
  assert.deepEqual((await page.getByRole('listitem').allTextContents()).sort(), [...say.may].sort())
  const text = await page.getByRole('main').textContent()
  for (const part of [client.name, client.tenant, person.email, new URL(client.redirect_uri).origin]) assert.ok(text.includes(part), part)
  // Whoever presses Enter once too often has not read what is asked, and has let nobody in.
  assert.equal(await focused(page).count(), 0)
  await page.keyboard.press('Tab')
  assert.equal(await focused(page).textContent(), say.allow)
  await page.keyboard.press('Tab')
  assert.equal(await focused(page).textContent(), say.deny)
  await page.keyboard.press('Shift+Tab')
  await press(page, 'Enter')
  assert.match(came(page).get('code'), /./)

  // Who is logged in and has let the client in sees no page any more.
  await page.goto(authorize())
  assert.match(came(page).get('code'), /./)
  assert.deepEqual(seen.loaded.filter((url) => url.startsWith(issuer)), [], 'pages load nothing')
  assert.deepEqual(seen.complaints, [])
  step(`${language}: login and consent`)

  await page.goto(authorize({ prompt: 'login consent' }))
  await click(page, say.cancel)
  assert.equal(came(page).get('error'), 'access_denied')
  step(`${language}: cancelled`)

  await page.goto(authorize({ client_id: 'cli_01h455vb4pex5vsknk084sn02q' }))
  await looksWell(page, language, say.error)
  assert.equal(await page.getByRole('alert').textContent(), say.client)
  await picture(page, `${language}-error`)
  await page.goto(authorize({ redirect_uri: `${client.redirect_uri}/elsewhere` }))
  assert.equal(await page.getByRole('alert').textContent(), say.address)
  step(`${language}: errors`)
  await context.close()
}

async function withCode(language, person) {
  const say = words[language]
  const { context, page } = await somebody(language)
  await page.goto(authorize())
  await enters(page, say, person)
  await looksWell(page, language, say.code)
  await picture(page, `${language}-code`)
  assert.equal(await focused(page).getAttribute('name'), 'code')
  assert.equal(await page.getByLabel(say.field, { exact: true }).getAttribute('autocomplete'), 'one-time-code')
  await page.keyboard.type('000000')
  await press(page, 'Enter')
  assert.equal(await page.getByRole('alert').textContent(), say.badCode)
  assert.match(await page.getByLabel(say.field, { exact: true }).getAttribute('aria-describedby'), /\bfault\b/)
  await picture(page, `${language}-code-wrong`)
  await page.keyboard.type(person.recovery_codes.pop())
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  assert.ok(await page.getByLabel(say.recovery).isChecked())
  await press(page, 'Enter')
  await looksWell(page, language, say.consent)
  step(`${language}: second factor`)
  await context.close()
}

// A page is the browser's that it was shown in: of another one it is refused, and so is one that another site sends.
async function ofAnotherBrowser(language) {
  const say = words[language]
  const [mine, theirs] = [await somebody(language), await somebody(language)]
  await mine.page.goto(authorize())
  const ticket = await mine.page.locator('input[name=ticket]').inputValue()
  await theirs.page.goto(authorize())
  await theirs.page.setContent(`<form method="post" action="${issuer}/oauth/interaction">
    <input type="hidden" name="ticket" value="${ticket}"><button name="step" value="login">x</button></form>`)
  await click(theirs.page, 'x')
  assert.equal(await theirs.page.getByRole('alert').textContent(), say.old)
  await picture(theirs.page, `${language}-old`)
  await mine.page.goto(client.redirect_uri)
  await mine.page.setContent(`<form method="post" action="${issuer}/oauth/interaction">
    <input type="hidden" name="ticket" value="${ticket}"><button name="step" value="login">x</button></form>`)
  await click(mine.page, 'x')
  assert.equal(await mine.page.getByRole('alert').textContent(), say.old)
  for (const { context } of [mine, theirs]) await context.close()
  step('another browser, and another site')
}

// Framed by nobody, and without a script whatever is written into it.
async function closed() {
  const { context, page, seen } = await somebody('en', { javaScriptEnabled: true })
  await page.goto(client.redirect_uri)
  await page.setContent(`<iframe src="${authorize()}"></iframe>`)
  await page.waitForTimeout(300)
  const [, frame] = page.frames()
  assert.equal(await frame.locator('form').count(), 0)
  assert.ok(seen.complaints.some((text) => /frame/i.test(text)), seen.complaints)
  await page.goto(authorize({ login_hint: '"><script>document.title="taken"</script>', scope: 'openid' }))
  await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<img src="https://elsewhere.example/x.png">'))
  await page.waitForTimeout(100)
  assert.equal(await page.title(), words.en.login)
  assert.ok(seen.complaints.some((text) => /content security policy/i.test(text)), seen.complaints)
  await context.close()
  step('neither framed nor made to load anything')
}

async function onScreens(person) {
  const say = words.en
  for (const [name, options] of SCREENS) {
    const one = await somebody('en', options)
    const { page } = one
    const look = (what) => hasNoFault(page, what, name)
    await page.goto(authorize({ prompt: 'login consent' }))
    await look('login')
    await enters(page, say, { ...person, password: 'not the one' })
    await look('login-wrong')
    await page.getByLabel(say.password).fill(person.password)
    await click(page, say.enter)
    await look('code')
    await page.getByLabel(say.field, { exact: true }).fill(person.recovery_codes.pop())
    await page.getByLabel(say.recovery).check()
    await click(page, say.go)
    await look('consent')
    await page.goto(authorize({ client_id: 'none' }))
    await look('error')
    await ends(one)
  }
  step('no fault found by axe, on any screen')
}

await through(async () => {
  await byKeyboard('en', people.plain)
  await byKeyboard('de', people.other)
  await withCode('en', people.careful)
  await withCode('de', people.careful)
  await ofAnotherBrowser('en')
  await closed()
  await onScreens(people.careful)
})
