// Lets a person log in, and a program act by itself, with openid-client, as any program of others would.
//
// It is given `issuer`, `person` with `email` and `password`, and clients with `id`, `secret` and `redirect_uri`.

import assert from 'node:assert/strict'

import { Browser, given, load, step } from './common.mjs'

const client = load('openid-client')
const { issuer, person, confidential, elliptic, open, machine } = await given()

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
