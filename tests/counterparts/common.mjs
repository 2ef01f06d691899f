// What the scripts for Node.js share: what they are given, what they say, their packages, and a browser that knows forms and cookies.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

/** Loads one of the packages of package-lock.json, wherever they are installed. */
export const load = createRequire(`${process.env.ROOKERY_TEST_NODE}/package.json`)

/** What a script is given, in its input. */
export const given = async () => JSON.parse(await text(process.stdin))

/** Says that a step was taken and all was as it should be. */
export const step = (name, seen = {}) => console.log(JSON.stringify({ step: name, ...seen }))

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const unescaped = (value) => value.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => entities[name])
const attribute = (tag, name) => {
  const found = tag.match(new RegExp(`\\s${name}="([^"]*)"`))
  return found ? unescaped(found[1]) : undefined
}

/** A page, as somebody without scripts has it. */
class Page {
  constructor(browser, url, response, html) {
    Object.assign(this, { browser, url, status: response.status, headers: response.headers, html })
    const main = html.match(/<h1[^>]*>([^<]*)<\/h1>/)
    this.title = main ? unescaped(main[1]) : undefined
  }

  /** Fills the form in and sends it by the button of a step, or the only one. Answers the next page, or where the browser is sent. */
  async submit(name, fields = {}) {
    const form = this.html.match(/<form[^>]*>[\s\S]*?<\/form>/)
    assert.ok(form, `${this.title} has no form`)
    const values = new URLSearchParams()
    for (const [tag] of form[0].matchAll(/<input[^>]*>/g)) {
      const own = attribute(tag, 'name')
      if (attribute(tag, 'type') === 'hidden') values.set(own, attribute(tag, 'value'))
      else if (own in fields) values.set(own, fields[own])
    }
    for (const own of Object.keys(fields)) assert.ok(values.has(own), `${this.title} has no field ${own}`)
    if (name) {
      assert.match(form[0], new RegExp(`name="step" value="${name}"`))
      values.set('step', name)
    }
    const action = new URL(attribute(form[0], 'action') ?? '', this.url)
    return this.browser.visit(action, { method: 'POST', body: values })
  }
}

/** A browser without scripts, which keeps the cookies of one host and follows nobody to another. */
export class Browser {
  constructor(home) {
    this.home = new URL(home).origin
    this.cookies = new Map()
  }

  /** Answers a page, or, as `sent`, where the browser is sent that is not here. */
  async visit(to, options = {}) {
    const url = new URL(to)
    if (url.origin !== this.home) return { sent: url }
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { ...options, redirect: 'manual', headers: { cookie, 'accept-language': 'en' } })
    for (const text of response.headers.getSetCookie()) {
      const [pair] = text.split(';')
      const [name, ...value] = pair.split('=')
      this.cookies.set(name, value.join('='))
    }
    if (response.status >= 300 && response.status < 400) {
      return this.visit(new URL(response.headers.get('location'), url))
    }
    return new Page(this, url, response, await response.text())
  }

  /** Logs somebody in on a page, if that is what it asks for. Answers the next one, or where the browser is sent. */
  async pass(page, { email, password }) {
    return page.html?.includes('value="login"') ? page.submit('login', { email, password }) : page
  }

  /** Logs somebody in at the address of a client's, lets the client in, as far as either is asked, and answers where it leads. */
  async logIn(to, person) {
    let page = await this.pass(await this.visit(to), person)
    if (page.html?.includes('value="allow"')) page = await page.submit('allow')
    assert.ok(page.sent, `the login ends on ${page.title}`)
    return page.sent
  }
}
