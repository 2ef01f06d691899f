// Looks at the pages on which people set up an authenticator, because their tenant asks for a second factor, and show its codes: without
// scripts, by the keyboard, on small screens, in two languages.
//
// `people` are some who have no second factor yet: one for each language, and one for each screen.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

import {
  SCREENS, click, comes, ends, focused, hasNoFault, looksWell, picture, press, saidAt, somebody, tabTo, through, told,
} from './chromium.mjs'
import { step } from './common.mjs'

const { client, people } = told

const words = {
  en: {
    login: `Log in to ${client.tenant}`, email: 'Email address', password: 'Password', enter: 'Log in', consent: 'Allow access?',
    title: 'Set up a second factor', picture: 'QR code with the key', key: 'Key:', field: 'Code', go: 'Continue', cancel: 'Cancel',
    help: 'The six digits that your authenticator shows.', wrong: 'The code is wrong, or was used.', codes: 'Recovery codes',
    once: /^Each of these stands in for the authenticator once\./, second: 'Second factor', recovery: 'This is a recovery code',
  },
  de: {
    login: `Anmelden bei ${client.tenant}`, email: 'E-Mail-Adresse', password: 'Passwort', enter: 'Anmelden', consent: 'Zugriff erlauben?',
    title: 'Zweiten Faktor einrichten', picture: 'QR-Code mit dem Schlüssel', key: 'Schlüssel:', field: 'Code', go: 'Weiter',
    cancel: 'Abbrechen', help: 'Die sechs Ziffern, die Ihr Authenticator zeigt.', wrong: 'Der Code ist falsch oder wurde schon benutzt.',
    codes: 'Wiederherstellungscodes', once: /^Jeder davon steht einmal für den Authenticator ein\./, second: 'Zweiter Faktor',
    recovery: 'Das ist ein Wiederherstellungscode',
  },
}

/** What an authenticator shows (RFC 6238) that was set up with a key, so many steps from now. */
function code(key, steps = 0) {
  const bits = [...key].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const digest = createHmac('sha1', secret).update(counter).digest()
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

/** A code that the authenticator does not show. */
const another = (key) => (code(key) === '000000' ? '000001' : '000000')

/** The key that the page shows, which is what can be scanned, too. */
async function shownKey(page, say) {
  const image = page.getByRole('img', { name: say.picture })
  const { width, height } = await image.boundingBox()
  assert.ok(width >= 150 && Math.abs(width - height) < 1, `${width} × ${height}`)
  const modules = await image.locator('path').last().getAttribute('d')
  assert.ok(modules.length > 1000, 'nothing is there to be scanned')
  const line = page.getByText(say.key)
  assert.equal(await line.count(), 1)
  const key = await line.locator('code').textContent()
  assert.match(key, /^[A-Z2-7]{32,}$/)
  return key
}

async function setUp(language, person) {
  const say = words[language]
  const one = await somebody(language)
  const { page } = one
  await comes(page, say, person)
  await looksWell(page, language, say.title)
  await picture(page, `${language}-enrol`)
  const key = await shownKey(page, say)
  assert.equal(await focused(page).getAttribute('name'), 'code')
  assert.equal(await focused(page).getAttribute('inputmode'), 'numeric')
  assert.equal(await focused(page).getAttribute('autocomplete'), 'one-time-code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.help])
  await page.keyboard.type(another(key))
  await tabTo(page, say.go)
  await tabTo(page, say.cancel)
  await page.keyboard.press('Shift+Tab')
  await press(page, 'Enter')

  await looksWell(page, language, say.title)
  await picture(page, `${language}-enrol-wrong`)
  assert.equal(await page.getByRole('alert').textContent(), say.wrong)
  assert.equal(await focused(page).getAttribute('name'), 'code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.wrong, say.help])
  // What was scanned already stays good.
  assert.equal(await shownKey(page, say), key)
  await page.keyboard.type(code(key))
  await press(page, 'Enter')

  await looksWell(page, language, say.codes)
  await picture(page, `${language}-recovery-codes`)
  assert.equal(await page.getByText(say.once).count(), 1)
  const codes = await page.getByRole('listitem').allTextContents()
  assert.equal(new Set(codes).size, 10, codes)
  // Whoever presses Enter once too often sees them all the same.
  assert.equal(await focused(page).count(), 0)
  await tabTo(page, say.go)
  await press(page, 'Enter')
  await looksWell(page, language, say.consent)
  await ends(one)
  step(`${language}: set up`)
  return { key, codes }
}

async function shows(language, person, { key, codes }) {
  const say = words[language]
  const one = await somebody(language)
  const { page } = one
  await comes(page, say, person)
  await looksWell(page, language, say.second)
  assert.equal(await focused(page).getAttribute('name'), 'code')
  assert.deepEqual(await saidAt(page, focused(page)), [say.help])
  await page.keyboard.type(another(key))
  await press(page, 'Enter')
  await looksWell(page, language, say.second)
  assert.equal(await page.getByRole('alert').textContent(), say.wrong)
  assert.deepEqual(await saidAt(page, focused(page)), [say.wrong, say.help])
  await page.keyboard.type(code(key, 1))
  await tabTo(page, 'recovery')
  await tabTo(page, say.go)
  await tabTo(page, say.cancel)
  await page.keyboard.press('Shift+Tab')
  await press(page, 'Enter')
  await looksWell(page, language, say.consent)

  // Those that were shown stand in for it.
  await comes(page, say, person)
  await page.getByLabel(say.field, { exact: true }).fill(codes[0])
  await page.getByLabel(say.recovery).check()
  await click(page, say.go)
  await looksWell(page, language, say.consent)
  await ends(one)
  step(`${language}: second factor`)
}

async function onScreens() {
  const say = words.en
  for (const [name, options] of SCREENS) {
    const one = await somebody('en', options)
    const { page } = one
    const look = (what) => hasNoFault(page, what, name)
    await comes(page, say, people[name])
    await look('enrol')
    const key = await shownKey(page, say)
    await page.getByLabel(say.field, { exact: true }).fill(another(key))
    await click(page, say.go)
    await look('enrol-wrong')
    await page.getByLabel(say.field, { exact: true }).fill(code(key))
    await click(page, say.go)
    await look('recovery-codes')
    await comes(page, say, people[name])
    await look('second-factor')
    await page.getByLabel(say.field, { exact: true }).fill(another(key))
    await click(page, say.go)
    await look('second-factor-wrong')
    await ends(one)
  }
  step('no fault found by axe, on any screen')
}

await through(async () => {
  for (const language of ['en', 'de']) await shows(language, people[language], await setUp(language, people[language]))
  await onScreens()
})
