"""Runs the checks of scim2-tester against a SCIM service, and writes what each found as a line of JSON.

It is given the URL of the service, `base`, and a bearer token, `token`.
"""

import json

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

given = json.loads(input())
bearer = {"authorization": f"Bearer {given['token']}"}
with Client(base_url=given["base"], headers=bearer, timeout=60) as client:
    for result in check_server(SyncSCIMClient(client)):
        found = {
            "check": result.title,
            "resource": result.resource_type,
            "status": result.status.name,
            "reason": result.reason,
        }
        print(json.dumps(found))
