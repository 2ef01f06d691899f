"""Gives the deployed HTTP API the routes that the template asks for.

On AWS they come from the OpenAPI document that the SAM transform makes of the HttpApi events. MiniStack 1.5 ignores
that document: the API exists and has no routes. So this creates an integration per function and a route per event
through the API Gateway's own API, and removes routes that the template no longer has.

    http_api_routes.py <stack name>     standard input: [{"id": <logical id>, "routes": [{"path", "method"}]}]
"""

import json
import sys

import boto3


def main(stack, functions):
    cloudformation, gateway = boto3.client("cloudformation"), boto3.client("apigatewayv2")
    physical, api = {}, None
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            physical[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::ApiGatewayV2::Api":
                api = resource["PhysicalResourceId"]
    identity = boto3.client("sts").get_caller_identity()["Account"]
    region = cloudformation.meta.region_name

    have = {}
    for page in gateway.get_paginator("get_routes").paginate(ApiId=api):
        have.update({route["RouteKey"]: route["RouteId"] for route in page["Items"]})
    wanted = {
        f"{route['method']} {route['path']}": function["id"] for function in functions for route in function["routes"]
    }
    for key in have.keys() - wanted.keys():
        gateway.delete_route(ApiId=api, RouteId=have[key])
    integrations = {}
    for key in sorted(wanted.keys() - have.keys()):
        function = wanted[key]
        if function not in integrations:
            integrations[function] = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=f"arn:aws:lambda:{region}:{identity}:function:{physical[function]}",
                PayloadFormatVersion="2.0",
            )["IntegrationId"]
        gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integrations[function]}")
    print(json.dumps({"routes": len(wanted)}))


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin))
