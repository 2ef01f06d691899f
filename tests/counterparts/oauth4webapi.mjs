// Lets a person log in with oauth4webapi, asks it as a program that is called with tokens would, and exchanges the token of a workload.
//
// It is given `issuer`, `person`, a `client` with `id`, `secret` and `redirect_uri`, and `workload`: an `issuer` that makes tokens for
// whoever asks, the name of somebody there, the audience, and the trust by which its tokens are taken.

import assert from 'node:assert/strict'

import { Browser, given, load, step } from './common.mjs'

const oauth = load('oauth4webapi')
const { issuer, person, client: registered, workload } = await given()
const plain = { [oauth.allowInsecureRequests]: true }

async function discover(at) {
  const url = new URL(at)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, plain))
}

/** Where somebody is sent to log in, and what checks what comes back. */
async function asked(server, client, scope) {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(server.authorization_endpoint)
  const parameters = {
    client_id: client.client_id,
    redirect_uri: client.redirect_uri,
    response_type: 'code',
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url, verifier, state, nonce }
}

async function redeemed(server, client, authentication, sent, way) {
  const parameters = oauth.validateAuthResponse(server, client, sent, way.state)
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, client.redirect_uri, way.verifier, plain,
  )
  const expected = { expectedNonce: way.nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, expected)
  await oauth.validateApplicationLevelSignature(server, response, plain)
  return tokens
}

const server = await discover(issuer)
const client = { client_id: registered.id, redirect_uri: registered.redirect_uri }
const secret = oauth.ClientSecretPost(registered.secret)
assert.equal(server.authorization_response_iss_parameter_supported, true)
step('discovery')

const way = await asked(server, client, 'openid email offline_access')
const sent = await new Browser(issuer).logIn(way.url, person)
const tokens = await redeemed(server, client, secret, sent, way)
const claims = oauth.getValidatedIdTokenClaims(tokens)
assert.equal(claims.email, person.email)
step('authorization code')

assert.throws(() => oauth.validateAuthResponse(server, client, sent, oauth.generateRandomState()))
const elsewhere = new URL(sent)
elsewhere.searchParams.set('iss', 'https://elsewhere.example')
assert.throws(() => oauth.validateAuthResponse(server, client, elsewhere, way.state))
step('answers of others')

/** What a program sees that is called with a token, and believes those tokens alone that are for it (RFC 9068). */
const believed = (token) => {
  const request = new Request('http://127.0.0.1/', { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(server, request, issuer, plain)
}
const access = await believed(tokens.access_token)
assert.deepEqual([access.sub, access.client_id, access.scope], [claims.sub, client.client_id, tokens.scope])
await assert.rejects(believed(tokens.id_token))
step('access token')

const userinfo = await oauth.processUserInfoResponse(
  server, client, claims.sub, await oauth.userInfoRequest(server, client, tokens.access_token, plain),
)
assert.equal(userinfo.email, person.email)
step('userinfo')

const refresh = (token) => oauth.refreshTokenGrantRequest(server, client, secret, token, plain)
const next = await oauth.processRefreshTokenResponse(server, client, await refresh(tokens.refresh_token))
assert.equal(oauth.getValidatedIdTokenClaims(next).sub, claims.sub)
// An answer that was lost is asked for once more, and is the same; the one before that is a thief's.
const lost = await oauth.processRefreshTokenResponse(server, client, await refresh(tokens.refresh_token))
assert.equal(lost.refresh_token, next.refresh_token)
const last = await oauth.processRefreshTokenResponse(server, client, await refresh(next.refresh_token))
const failed = async (response) => {
  await assert.rejects(oauth.processRefreshTokenResponse(server, client, await response), { error: 'invalid_grant' })
}
await failed(refresh(tokens.refresh_token))
await failed(refresh(last.refresh_token))
step('refresh')

const ask = async (token) => oauth.processIntrospectionResponse(
  server, client, await oauth.introspectionRequest(server, client, secret, token, plain),
)
assert.deepEqual(await ask(last.access_token), { active: false })
step('introspection')

const another = await asked(server, client, 'openid')
const again = await redeemed(server, client, secret, await new Browser(issuer).logIn(another.url, person), another)
assert.equal((await ask(again.access_token)).active, true)
await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, secret, again.access_token, plain))
assert.deepEqual(await ask(again.access_token), { active: false })
step('revocation')

// A build has a token of its runner's, and gets one of ours for it. The runner is another provider, which is asked with the same library.
const runner = await discover(workload.issuer)
const build = { client_id: workload.audience, redirect_uri: 'http://127.0.0.1:9/callback' }
const run = await asked(runner, build, 'openid')
const form = new URLSearchParams({ sub: workload.subject })
const made = await fetch(run.url, { method: 'POST', body: form, redirect: 'manual' })
const theirs = await redeemed(runner, build, oauth.ClientSecretPost('any'), new URL(made.headers.get('location')), run)
const exchange = async (parameters) => oauth.processGenericTokenEndpointResponse(
  server,
  { client_id: 'a build' },
  await oauth.genericTokenEndpointRequest(
    server,
    { client_id: 'a build' },
    oauth.None(),
    'urn:ietf:params:oauth:grant-type:token-exchange',
    { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token', audience: workload.trust, ...parameters },
    plain,
  ),
)
const ours = await exchange({ subject_token: theirs.id_token, scope: 'project.list' })
assert.deepEqual(
  [ours.issued_token_type, ours.scope],
  ['urn:ietf:params:oauth:token-type:access_token', 'project.list'],
)
const answer = await oauth.protectedResourceRequest(
  ours.access_token, 'GET', new URL(`${issuer}/v1/whoami`), undefined, undefined, plain,
)
assert.equal((await answer.json()).principal.id, workload.key)
await assert.rejects(exchange({ subject_token: again.id_token }), { error: 'invalid_request' })
step('token exchange')
