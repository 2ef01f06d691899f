"""Prints what other programs need to know about the deployed stack, as JSON.

    describe_stack.py <stack name>
"""

import json
import re
import sys

import boto3


def resources(client, stack):
    """Every resource of the stack and of the stacks nested in it."""
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            yield resource["ResourceType"], resource["LogicalResourceId"], resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                yield from resources(client, resource["PhysicalResourceId"])


def snake_case(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def main(stack):
    client = boto3.client("cloudformation")
    found = {}
    for kind, logical, physical in resources(client, stack):
        found.setdefault(kind, {})[logical] = physical
    one = lambda kind: next(iter(found.get(kind, {}).values()), None)
    queues = {snake_case(name).removesuffix("_queue"): url for name, url in found.get("AWS::SQS::Queue", {}).items()}
    print(json.dumps({
        "stack_name": stack,
        "region": client.meta.region_name,
        "account_id": boto3.client("sts").get_caller_identity()["Account"],
        "api_id": one("AWS::ApiGatewayV2::Api"),
        "table": one("AWS::DynamoDB::Table"),
        "bucket": one("AWS::S3::Bucket"),
        "bus": one("AWS::Events::EventBus"),
        "key_id": one("AWS::KMS::Key"),
        "log_group": one("AWS::Logs::LogGroup"),
        "queues": queues,
        "functions": found.get("AWS::Lambda::Function", {}),
        "roles": found.get("AWS::IAM::Role", {}),
        "event_source_mappings": found.get("AWS::Lambda::EventSourceMapping", {}),
    }))


if __name__ == "__main__":
    main(sys.argv[1])
