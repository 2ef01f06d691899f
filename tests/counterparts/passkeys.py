"""Registers a passkey of soft-webauthn and logs in with it, and writes what each step was answered as a line of JSON.

Usage: passkeys.py BASE_URL, with PASSKEY_TENANT, PASSKEY_EMAIL and PASSKEY_PASSWORD in the environment.
"""

import json
import os
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.utils import sha256
from soft_webauthn import SoftWebauthnDevice

BASE = sys.argv[1]
USER_VERIFIED = 4


def call(path, body=None, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = Request(BASE + path, None if body is None else json.dumps(body).encode(), headers)
    for _ in range(20):
        try:
            with urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read() or b"null")
        except HTTPError as error:
            status, answer = error.code, json.loads(error.read() or b"null")
            if status != 429:
                return status, answer
            # Whatever meets the stack at the same time comes from the same address.
            time.sleep(int(error.headers["Retry-After"]))
    return status, answer


def tell(step, answer):
    status, body = answer
    print(json.dumps({"step": step, "status": status, "body": body}))
    return body


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(value):
    return urlsafe_b64encode(value).decode().rstrip("=")


def options(asked):
    """The options as a browser hands them to an authenticator: bytes where JSON has base64url."""
    asked = {**asked, "challenge": decoded(asked["challenge"])}
    if "user" in asked:
        asked["user"] = {**asked["user"], "id": decoded(asked["user"]["id"])}
    return {"publicKey": asked}


def credential(made):
    """What a browser's `toJSON` makes of a credential."""
    response = {name: encoded(value) for name, value in made["response"].items()}
    raw = encoded(made["rawId"])
    return {"id": raw, "rawId": raw, "type": made["type"], "response": response}


def verified(device, made):
    """The same assertion by an authenticator that saw who was there, which soft-webauthn never did."""
    response = dict(made["response"])
    data = bytearray(response["authenticatorData"])
    data[32] |= USER_VERIFIED
    response["authenticatorData"] = bytes(data)
    signed = bytes(data) + sha256(response["clientDataJSON"])
    response["signature"] = device.private_key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return {**made, "response": response}


issuer = urlsplit(call("/.well-known/openid-configuration")[1]["issuer"])
origin = f"{issuer.scheme}://{issuer.netloc}"
password = os.environ["PASSKEY_PASSWORD"]
login = {"tenant": os.environ["PASSKEY_TENANT"], "email": os.environ["PASSKEY_EMAIL"], "password": password}

token = tell("password", call("/v1/auth/login", login))["access_token"]
asked = tell("offer", call("/v1/me/passkeys/options", {"password": password}, token))
device = SoftWebauthnDevice()
made = credential(device.create(options(asked), origin))
tell("register", call("/v1/me/passkeys", {"name": "soft-webauthn", "passkey": made}, token))
tell("register again", call("/v1/me/passkeys", {"name": "soft-webauthn", "passkey": made}, token))

asked = tell("second factor asked", call("/v1/auth/login", login))
shown = {"mfa_token": asked["mfa_token"], "passkey": credential(device.get(options(asked["passkey"]), origin))}
tell("second factor", call("/v1/auth/mfa", shown))


def alone(step, spoil=lambda made: made, origin=origin):
    asked = call("/v1/auth/passkeys/options", {})[1]
    shown = {"passkey": credential(spoil(device.get(options(asked), origin)))}
    tell(step, call("/v1/auth/passkeys", shown))
    return shown


alone("not seen who it was")
alone("another origin", lambda made: verified(device, made), "https://evil.example")
shown = alone("passkey alone", lambda made: verified(device, made))
tell("passkey replayed", call("/v1/auth/passkeys", shown))
device.sign_count = 0
alone("counter went back", lambda made: verified(device, made))
