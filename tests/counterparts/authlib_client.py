"""Lets a person log in with authlib, as a program of others would, and looks at what comes of it.

It is given `issuer`, `person` with `email` and `password`, and a `client` with `id`, `secret` and `redirect_uri`.
"""

import json
import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from common import Browser, step

given = json.loads(input())
issuer, person, registered = given["issuer"], given["person"], given["client"]

described = requests.get(f"{issuer}/.well-known/openid-configuration").json()
metadata = OpenIDProviderMetadata(described)
for name in ("response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported",
             "token_endpoint_auth_methods_supported", "grant_types_supported", "scopes_supported"):
    getattr(metadata, f"validate_{name}")()
step("discovery")

client = OAuth2Session(
    registered["id"],
    registered["secret"],
    scope="openid profile email offline_access",
    redirect_uri=registered["redirect_uri"],
    code_challenge_method="S256",
)
verifier, nonce = generate_token(48), generate_token(24)
url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
back = Browser(issuer).log_in(url, person)
token = client.fetch_token(
    metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
)
# Before the first token is made there are none.
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"]).json())
step("authorization code")


def believed(token, **parameters):
    """The claims of an id token that was made for the client, and now."""
    read = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": registered["id"]}}
    parameters = {"client_id": registered["id"], "access_token": token["access_token"], **parameters}
    claims = CodeIDToken(read.claims, read.header, options, parameters)
    claims.validate()
    return claims


claims = believed(token, nonce=nonce)
assert claims["email"] == person["email"], claims
head, body, signature = token["id_token"].split(".")
forged = ".".join((head, body, ("A" if signature[0] != "A" else "B") + signature[1:]))
try:
    believed({**token, "id_token": forged}, nonce=nonce)
    raise SystemExit("a forged token was believed")
except BadSignatureError:
    step("id token")

userinfo = client.get(metadata["userinfo_endpoint"]).json()
assert (userinfo["sub"], userinfo["name"]) == (claims["sub"], person["name"]), userinfo
step("userinfo")

before = token["refresh_token"]
token = client.refresh_token(metadata["token_endpoint"], refresh_token=before)
assert token["refresh_token"] != before
assert believed(token)["sub"] == claims["sub"]
step("refresh")

told = client.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
assert told["active"] and told["sub"] == claims["sub"], told
answer = client.revoke_token(metadata["revocation_endpoint"], token=token["refresh_token"])
assert answer.status_code == 200, answer.text
told = client.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
assert told == {"active": False}, told
try:
    client.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
    raise SystemExit("a token was refreshed that was given back")
except OAuthError as error:
    assert error.error == "invalid_grant", error
step("introspection and revocation")
