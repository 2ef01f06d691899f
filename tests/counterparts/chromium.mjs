// Chromium for the scripts that look at the platform's pages, as people have them, and what every page has, whatever it is for.
//
// They are given `issuer`, the `browser`, a `client`, `people`, and `screens`, a folder for pictures of the pages, or null.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { given, load } from './common.mjs'

const { chromium } = load('playwright-core')
const axe = load('axe-core').source

/** What the script is given. */
export const told = await given()
const { issuer, browser: executablePath, client, screens } = told

// Where the client has people sent back to.
const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>back</title>'))
server.listen(Number(new URL(client.redirect_uri).port), '127.0.0.1')

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]
const browser = await chromium.launch({ executablePath, headless: true, args: flags })

/** Does what is to be done with the browser, and ends it whatever comes of it. */
export async function through(work) {
  try {
    await work()
  } finally {
    await browser.close()
    server.close()
  }
}

/** Where the client sends people. */
export function authorize(parameters = {}) {
  const url = new URL(`${issuer}/oauth/authorize`)
  const all = {
    client_id: client.id,
    redirect_uri: client.redirect_uri,
    response_type: 'code',
    scope: client.scope,
    state: 'of this browser',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...parameters,
  }
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value)
  return url.href
}

/** A browser of somebody's own. What it loads besides pages, and what it complains of, is kept. */
export async function somebody(locale, options = {}) {
  const context = await browser.newContext({ locale, javaScriptEnabled: false, ...options })
  const page = await context.newPage()
  const seen = { loaded: [], complaints: [] }
  page.on('request', (request) => request.isNavigationRequest() || seen.loaded.push(request.url()))
  // Of what was refused it says the status, which is as it should be.
  const isStatus = (text) => /^Failed to load resource: the server responded with a status of 40[01] /.test(text)
  page.on('console', (message) => {
    if (message.type() === 'error' && !isStatus(message.text())) seen.complaints.push(message.text())
  })
  return { context, page, seen }
}

/** Ends the browser of somebody, to whom pages gave no reason to complain, and nothing to load but what is said here. */
export async function ends({ context, seen }, paths = []) {
  const loaded = new Set(seen.loaded.filter((url) => url.startsWith(issuer)))
  assert.deepEqual([...loaded], paths.map((path) => `${issuer}${path}`), 'pages load nothing')
  assert.deepEqual(seen.complaints, [])
  await context.close()
}

/** Takes a picture of a page, where pictures are asked for. */
export async function picture(page, name) {
  if (screens) await page.screenshot({ path: join(screens, `${name}.png`), fullPage: true })
}

/** What every page has, whatever it is for. */
export async function looksWell(page, language, title) {
  assert.equal(await page.title(), title)
  assert.equal(await page.locator('html').getAttribute('lang'), language)
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), title)
  assert.equal(await page.getByRole('main').count(), 1)
  for (const field of await page.locator('input:not([type=hidden])').all()) {
    const id = await field.getAttribute('id')
    assert.equal(await page.locator(`label[for="${id}"]`).count(), 1, `${id} has no label`)
  }
  const { width, height } = await page.locator('main').boundingBox()
  assert.ok(width > 250 && height > 100, `${width} × ${height}`)
}

/** What is said at a field, beside its label: the texts that describe it, one after the other. */
export async function saidAt(page, field) {
  const ids = (await field.getAttribute('aria-describedby'))?.split(' ') ?? []
  return Promise.all(ids.map((id) => page.locator(`#${id}`).textContent()))
}

/** Does something that leads to another page, and waits until that is there. */
export const leads = (page, act) => Promise.all([page.waitForNavigation(), act])
export const press = (page, key) => leads(page, page.keyboard.press(key))
export const click = (page, name) => leads(page, page.getByRole('button', { name, exact: true }).click())

/** Comes to the page to log in on, with the words that it has, and logs in there with a password. */
export async function comes(page, say, person) {
  await page.goto(authorize({ prompt: 'login consent' }))
  await enters(page, say, person)
}

/** Logs in with a password, on the page that asks for one. */
export async function enters(page, say, { email, password }) {
  await page.getByLabel(say.email).fill(email)
  await page.getByLabel(say.password).fill(password)
  await click(page, say.enter)
}

export const focused = (page) => page.locator(':focus')

/** Goes by the keyboard to what is next, which has to be the control of this name, and to be seen. */
export async function tabTo(page, name) {
  await page.keyboard.press('Tab')
  assert.equal((await focused(page).textContent()) || (await focused(page).getAttribute('name')), name)
  const outline = await focused(page).evaluate((control) => getComputedStyle(control).outlineWidth)
  assert.notEqual(outline, '0px')
}

/** What somebody brings back to the client. */
export const came = (page, to = client.redirect_uri) => {
  const url = new URL(page.url())
  assert.equal(`${url.origin}${url.pathname}`, to)
  assert.equal(url.searchParams.get('state'), 'of this browser')
  return url.searchParams
}

/** How pages are spoken to past their own rules. One session each: with any that ends, the authenticators of a page end. */
const sessions = new WeakMap()

export async function sessionOf(page) {
  if (!sessions.has(page)) sessions.set(page, await page.context().newCDPSession(page))
  return sessions.get(page)
}

/** The faults that axe finds. It is brought in from outside, past the page's own rules, which hold as they do for everybody. */
async function violations(page) {
  const session = await sessionOf(page)
  const evaluate = async (expression) => {
    const said = await session.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    assert.equal(said.exceptionDetails, undefined, JSON.stringify(said.exceptionDetails))
    return said.result.value
  }
  await evaluate(`${axe};0`)
  const found = await evaluate("axe.run(document, { resultTypes: ['violations'] })")
  assert.ok(found.passes.length > 5, 'nothing was looked at')
  return found.violations.map(({ id, nodes }) => ({ id, html: nodes.map((node) => node.html) }))
}

/** How people have their screens: with colours of either kind, and on a telephone. */
export const SCREENS = [
  ['light', { javaScriptEnabled: true, colorScheme: 'light' }],
  ['dark', { javaScriptEnabled: true, colorScheme: 'dark' }],
  ['small', { javaScriptEnabled: true, viewport: { width: 320, height: 640 } }],
]

/** Looks at a page with axe, and for whether it is wider than its screen. */
export async function hasNoFault(page, what, name) {
  assert.deepEqual(await violations(page), [], `${what}, ${name}`)
  const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth])
  assert.ok(width <= room, `${what}, ${name}: ${width} is wider than ${room}`)
  await picture(page, `${name}-${what}`)
}
