"""Teaches MiniStack the condition keys that the functions' roles rest on: `dynamodb:LeadingKeys` and
`kms:EncryptionContext`.

With them a role is held to its partitions of the table and its purposes of the key here as it is on AWS, so that a
function which reaches further fails in a test and not in production.
"""

import json
import re

PARTITION_KEY = "pk"

# What an item of a transaction may be, in MiniStack's order.
MEMBERS = ("ConditionCheck", "Put", "Update", "Delete", "Get")


class ItemArn(str):
    """The ARN of a table, with the partition of the item that one part of a transaction is about."""

    leading_keys = ()


def parsed(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def partition(attributes):
    value = attributes.get(PARTITION_KEY) if isinstance(attributes, dict) else None
    return [value["S"]] if isinstance(value, dict) and isinstance(value.get("S"), str) else []


def queried(data):
    """The partition that a key condition such as `#pk = :pk AND sk < :after` names."""
    names = data.get("ExpressionAttributeNames") or {}
    values = data.get("ExpressionAttributeValues") or {}
    for name, value in re.findall(r"(#?\w+)\s*=\s*(:\w+)", data.get("KeyConditionExpression") or ""):
        if names.get(name, name) == PARTITION_KEY:
            return partition({PARTITION_KEY: values.get(value)})
    return []


def leading_keys(data):
    keys = partition(data.get("Key")) + partition(data.get("Item")) + queried(data)
    for requests in (data.get("RequestItems") or {}).values():
        for key in requests.get("Keys", []) if isinstance(requests, dict) else []:
            keys += partition(key)
        for write in requests if isinstance(requests, list) else []:
            keys += partition((write.get("PutRequest") or {}).get("Item"))
            keys += partition((write.get("DeleteRequest") or {}).get("Key"))
    return keys


def install():
    """Replaces what MiniStack asks for the condition keys of a request. Call it before the server starts."""
    from ministack.core import iam_actions, iam_evaluator

    table_context = iam_actions.dynamodb_service_context
    transaction_checks = iam_actions.dynamodb_transaction_checks
    tag_context = iam_actions.request_tag_context
    enforce = iam_evaluator.enforce

    def dynamodb_service_context(body):
        keys = leading_keys(parsed(body))
        return {**table_context(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    def dynamodb_transaction_checks(iam_action, body, region, account_id):
        checks = transaction_checks(iam_action, body, region, account_id)
        items = [
            detail
            for item in parsed(body).get("TransactItems") or []
            for detail in (item.get(member) for member in MEMBERS)
            if isinstance(detail, dict)
        ]
        if len(items) != len(checks):
            return checks
        keyed = []
        for (action, arn), detail in zip(checks, items):
            arn = ItemArn(arn)
            arn.leading_keys = partition(detail.get("Key")) + partition(detail.get("Item"))
            keyed.append((action, arn))
        return keyed

    def request_tag_context(service, iam_action, body, params):
        context = tag_context(service, iam_action, body, params)
        if service == "kms":
            given = parsed(body).get("EncryptionContext") or {}
            context = {**context, **{f"kms:EncryptionContext:{name}": value for name, value in given.items()}}
        return context

    def enforce_with_item(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        if isinstance(resource_arn, ItemArn) and resource_arn.leading_keys:
            service_context = {**(service_context or {}), "dynamodb:LeadingKeys": resource_arn.leading_keys}
        return enforce(
            access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=service_context
        )

    iam_actions.dynamodb_service_context = dynamodb_service_context
    iam_actions.dynamodb_transaction_checks = dynamodb_transaction_checks
    iam_actions.request_tag_context = request_tag_context
    iam_evaluator.enforce = enforce_with_item
