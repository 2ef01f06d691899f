"""Teaches MiniStack from which address a request comes, where it knows one address only.

The proxy in front of it, which is the only one that people and tests talk to, says in `x-forwarded-for` whom it talks to. On Linux a
client may come from any address of 127.0.0.0/8, so that tests of what is counted by address need not count together.
"""


def install():
    """Replaces what MiniStack runs functions with for its HTTP APIs. Call it before the server starts."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function_with_config_scope

    def execute_with_address(function, event, *rest, **named):
        http = event.get("requestContext", {}).get("http") if isinstance(event, dict) else None
        address = (event.get("headers") or {}).get("x-forwarded-for") if http else None
        if address:
            http["sourceIp"] = address.rpartition(",")[2].strip()
        return execute(function, event, *rest, **named)

    lambda_svc._execute_function_with_config_scope = execute_with_address
