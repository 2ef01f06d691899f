"""Runs the checks of scim2-tester against a SCIM service, and writes what each found as a line of JSON.

Usage: scim.py BASE_URL, with the bearer token in the environment variable SCIM_TOKEN.
"""

import json
import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

token = os.environ["SCIM_TOKEN"]
with Client(base_url=sys.argv[1], headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
    for result in check_server(SyncSCIMClient(client)):
        found = {
            "check": result.title,
            "resource": result.resource_type,
            "status": result.status.name,
            "reason": result.reason,
        }
        print(json.dumps(found))
