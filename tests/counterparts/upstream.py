"""An identity provider, by oidc-provider-mock, for as long as the input is open. Says its address in a line of JSON."""

import json
import logging
import os
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from oidc_provider_mock import run_server_in_thread

logging.getLogger("werkzeug").setLevel(logging.ERROR)
input()
with run_server_in_thread(require_nonce=True) as server:
    print(json.dumps({"issuer": f"http://localhost:{server.server_port}"}), flush=True)
    sys.stdin.read()
