"""Sets up an authenticator with pyotp, and logs in with it, as somebody does who has one.

It is given `api`, and `tenant`, `email` and `password` of somebody who has no second factor yet. The last line has the recovery codes
that are left.
"""

import json
import time

import pyotp
import requests

from common import step

given = json.loads(input())
api, session = given["api"], requests.Session()
credentials = {name: given[name] for name in ("tenant", "email", "password")}


def ask(method, path, body, status, token=None):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = session.request(method, f"{api}{path}", json=body, headers=headers)
    assert answer.status_code == status, (path, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def second_factor():
    """What waits for the second factor of somebody who knows the password."""
    answer = ask("POST", "/v1/auth/login", credentials, 202)
    assert answer["enrolled"] and "access_token" not in answer, answer
    return answer["mfa_token"]


token = ask("POST", "/v1/auth/login", credentials, 200)["access_token"]
ask("POST", "/v1/me/mfa/totp", {"password": "not the one"}, 422, token)
offer = ask("POST", "/v1/me/mfa/totp", {"password": given["password"]}, 200, token)
totp = pyotp.parse_uri(offer["link"])
assert totp.secret == offer["secret"] and totp.name == given["email"], offer
assert totp.issuer, offer
step("offered")

# Until its first code was shown it does not count.
ask("POST", "/v1/auth/login", credentials, 200)
ask("PUT", "/v1/me/mfa/totp", {"code": "000000" if totp.now() != "000000" else "000001"}, 422, token)
now = time.time()
codes = ask("PUT", "/v1/me/mfa/totp", {"code": totp.at(now)}, 200, token)["recovery_codes"]
assert len(set(codes)) == 10, codes
step("confirmed")

# The code that was shown is good no more, and neither is any before it; that of a clock half a minute fast is.
ask("POST", "/v1/auth/mfa", {"mfa_token": second_factor(), "code": totp.at(now)}, 422)
waiting = second_factor()
tokens = ask("POST", "/v1/auth/mfa", {"mfa_token": waiting, "code": totp.at(now + 30)}, 200)
assert ask("GET", "/v1/whoami", None, 200, tokens["access_token"])["principal"]["id"] == tokens["user_id"]
step("code")
ask("POST", "/v1/auth/mfa", {"mfa_token": waiting, "code": totp.at(now + 30)}, 401)
ask("POST", "/v1/auth/mfa", {"mfa_token": second_factor(), "code": totp.at(now + 30)}, 422)
ask("POST", "/v1/auth/mfa", {"mfa_token": second_factor(), "code": totp.at(now + 150)}, 422)
step("no code twice, and none of the future")

recovered = ask("POST", "/v1/auth/mfa", {"mfa_token": second_factor(), "recovery_code": codes[0]}, 200)
ask("POST", "/v1/auth/mfa", {"mfa_token": second_factor(), "recovery_code": codes[0]}, 422)
left = ask("GET", "/v1/me/mfa/totp", None, 200, recovered["access_token"])
assert left["recovery_codes_left"] == 9, left
step("recovery code", left=codes[1:])
