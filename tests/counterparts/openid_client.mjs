// Lets a person log in, and a program act by itself, with openid-client, as any program of others would.
//
// It is given `issuer`, `person` with `email` and `password`, clients with `id`, `secret` and `redirect_uri`, `device`, a client that runs on
// devices, and `farewell`, where the client `confidential` has people sent who log out.

import assert from 'node:assert/strict'

import { Browser, given, load, step } from './common.mjs'

const client = load('openid-client')
const { issuer, person, confidential, elliptic, open, machine, device, farewell } = await given()

// Nothing is taken on trust because TLS brought it: id tokens are looked at with the published keys.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]
const discover = (of, metadata, authentication) =>
  client.discovery(new URL(issuer), of.id, metadata, authentication, { execute })

/** The way to log in, and what has to come back. */
async function asked(config, of, parameters = {}) {
  const checks = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: of.redirect_uri,
    scope: 'openid profile email offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  })
  return { checks, url }
}

async function refused(promise, error) {
  await assert.rejects(promise, (thrown) => {
    assert.equal(thrown.error, error, thrown)
    return true
  })
}

const config = await discover(confidential, undefined, client.ClientSecretBasic(confidential.secret))
assert.equal(config.serverMetadata().issuer, issuer)
assert.ok(config.serverMetadata().supportsPKCE())
step('discovery')

const browser = new Browser(issuer)
const silent = await asked(config, confidential, { prompt: 'none' })
const unknown = await browser.visit(silent.url)
await refused(client.authorizationCodeGrant(config, unknown.sent, silent.checks), 'login_required')
step('no page was shown that was not to be shown')

const first = await asked(config, confidential)
const back = await browser.logIn(first.url, person)
const tokens = await client.authorizationCodeGrant(config, back, first.checks)
const claims = tokens.claims()
assert.deepEqual([claims.email, claims.email_verified, claims.acr], [person.email, person.verified, 'aal1'])
assert.equal(tokens.scope.split(' ').sort().join(' '), 'email offline_access openid profile')
step('authorization code')

const known = await asked(config, confidential, { prompt: 'none', id_token_hint: tokens.id_token, max_age: '600' })
const again = await browser.visit(known.url)
const silently = await client.authorizationCodeGrant(config, again.sent, { ...known.checks, maxAge: 600 })
assert.equal(silently.claims().sub, claims.sub)
step('logged in already')

const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
assert.deepEqual([userinfo.email, userinfo.name], [person.email, person.name])
step('userinfo')

const next = await client.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(next.refresh_token, tokens.refresh_token)
assert.equal(next.claims().sub, claims.sub)
step('refresh')

const told = await client.tokenIntrospection(config, next.access_token)
assert.deepEqual([told.active, told.sub, told.client_id, told.iss], [true, claims.sub, confidential.id, issuer])
assert.equal((await client.tokenIntrospection(config, next.refresh_token)).active, true)
step('introspection')

await client.tokenRevocation(config, next.refresh_token)
for (const token of [next.access_token, next.refresh_token]) {
  assert.deepEqual(await client.tokenIntrospection(config, token), { active: false })
}
await refused(client.refreshTokenGrant(config, next.refresh_token), 'invalid_grant')
step('revocation')

await refused(client.authorizationCodeGrant(config, back, first.checks), 'invalid_grant')
const stolen = await asked(config, confidential)
const found = await browser.logIn(stolen.url, person)
const verifier = { ...stolen.checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }
await refused(client.authorizationCodeGrant(config, found, verifier), 'invalid_grant')
step('codes that are used, or somebody else\'s')

// In a form, with keys of the other kind, for a client that lets the library do without PKCE.
const other = await discover(
  elliptic,
  { id_token_signed_response_alg: 'ES256' },
  client.ClientSecretPost(elliptic.secret),
)
const second = await asked(other, elliptic)
const signed = await client.authorizationCodeGrant(other, await browser.logIn(second.url, person), second.checks)
assert.equal(signed.claims().sub, claims.sub)
assert.deepEqual(signed.claims().roles, ['owner'])
step('ES256')

const without = await discover(open, undefined, client.None())
const third = await asked(without, open)
const forPublic = await client.authorizationCodeGrant(without, await browser.logIn(third.url, person), third.checks)
const renewed = await client.refreshTokenGrant(without, forPublic.refresh_token)
await client.tokenRevocation(without, renewed.refresh_token)
step('public client')

const own = await discover(machine, undefined, client.ClientSecretBasic(machine.secret))
const rights = await client.clientCredentialsGrant(own, { scope: 'project.list' })
assert.deepEqual([rights.scope, rights.expiresIn() > 800], ['project.list', true])
const may = await client.fetchProtectedResource(
  own, rights.access_token, new URL(`${issuer}/v1/whoami`), 'GET',
)
assert.equal((await may.json()).principal.id, machine.key)
await refused(client.clientCredentialsGrant(own, { scope: 'user.delete' }), 'invalid_scope')
step('client credentials')

// A device asks again and again, while somebody types in on the pages what it shows.
const telly = await discover(device, undefined, client.None())
const appears = () => client.initiateDeviceAuthorization(telly, { scope: 'openid offline_access' })
const shown = await appears()
assert.equal(new URL(shown.verification_uri).origin, new URL(issuer).origin)
const waits = client.pollDeviceAuthorizationGrant(telly, shown)
const typed = await (await browser.visit(shown.verification_uri)).submit('', { user_code: shown.user_code })
const asks = await browser.pass(typed, person)
assert.ok(asks.html.includes(shown.user_code))
assert.equal((await asks.submit('allow')).status, 200)
const onDevice = await waits
assert.deepEqual([onDevice.claims().sub, onDevice.claims().aud], [claims.sub, device.id])
assert.equal((await client.refreshTokenGrant(telly, onDevice.refresh_token)).claims().sub, claims.sub)
await refused(client.pollDeviceAuthorizationGrant(telly, shown), 'invalid_grant')
step('device authorization')

const strange = await appears()
const inVain = refused(client.pollDeviceAuthorizationGrant(telly, strange), 'access_denied')
const filled = await browser.visit(strange.verification_uri_complete)
const doubts = await filled.submit('', { user_code: strange.user_code })
assert.equal((await doubts.submit('cancel')).status, 200)
await inVain
step('a device that is not let in')

// Whoever comes with an id token of its own is not asked, and what the client was given in the session ends with it.
const before = await asked(config, confidential)
const held = await client.authorizationCodeGrant(config, await browser.logIn(before.url, person), before.checks)
const away = client.buildEndSessionUrl(config, {
  id_token_hint: held.id_token,
  post_logout_redirect_uri: farewell,
  state: before.checks.expectedState,
})
const { sent } = await browser.visit(away)
assert.equal(`${sent.origin}${sent.pathname}`, farewell)
assert.deepEqual([...sent.searchParams], [['state', before.checks.expectedState]])
await refused(client.refreshTokenGrant(config, held.refresh_token), 'invalid_grant')
const gone = await asked(config, confidential, { prompt: 'none' })
const nobody = await browser.visit(gone.url)
await refused(client.authorizationCodeGrant(config, nobody.sent, gone.checks), 'login_required')
// Without one, and logged in again, the person is asked.
const after = await asked(config, confidential)
await browser.logIn(after.url, person)
const question = await browser.visit(client.buildEndSessionUrl(config, { post_logout_redirect_uri: farewell }))
assert.equal(question.title, 'Log out?')
assert.equal((await question.submit('logout')).sent.href, farewell)
step('logging out')

async function challenged(promise, scheme) {
  await assert.rejects(promise, (thrown) => {
    assert.equal(thrown.cause[0]?.scheme ?? thrown.cause.cause[0].scheme, scheme, thrown)
    return true
  })
}

const wrong = await discover(confidential, undefined, client.ClientSecretBasic(elliptic.secret))
await challenged(client.clientCredentialsGrant(wrong), 'basic')
await challenged(client.fetchUserInfo(config, `${tokens.access_token}x`, claims.sub), 'bearer')
step('errors')
