"""Teaches MiniStack what the functions' roles rest on and it does not know: the condition keys `dynamodb:LeadingKeys` and
`kms:EncryptionContext`, variables in the values of conditions, the ARN of the role behind a session,
and the identity that a mail comes from as the resource of `ses:SendEmail`.

With them a role is held to its partitions of the table, its purposes of the key, and the one tenant that it acts for here
as it is on AWS, so that a function which reaches further fails in a test and not in production.
"""

import json
import re

PARTITION_KEY = "pk"

# `${aws:PrincipalTag/tenant}`, and `${aws:PrincipalTag/tenant, 'nobody'}` with what it is where there is no such key.
VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")

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


def filled(expected, value_of):
    """A value of a condition with its variables filled in; None, which matches nothing, where one has no value."""
    values = expected if isinstance(expected, list) else [expected]
    result = []
    for value in values:
        missing = False

        def fill(variable):
            nonlocal missing
            found = value_of(variable[1].strip())
            found = variable[2] if found is None else found
            missing = missing or not isinstance(found, str)
            return "" if missing else found

        text = VARIABLE.sub(fill, str(value))
        if not missing:
            result.append(text)
    return result


def identity(data):
    """The domain that a mail comes from."""
    return (data.get("FromEmailAddress") or "").rpartition("@")[2]


def install():
    """Replaces what MiniStack asks for the condition keys of a request. Call it before the server starts."""
    from ministack.core import iam_actions, iam_evaluator

    table_context = iam_actions.dynamodb_service_context
    transaction_checks = iam_actions.dynamodb_transaction_checks
    tag_context = iam_actions.request_tag_context
    mail_resource = iam_actions._ses_v2_resource_arn
    enforce = iam_evaluator.enforce
    conditions_met = iam_evaluator._conditions_met
    resolve = iam_evaluator._resolve_condition_key

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

    def ses_v2_resource_arn(method, path, body, region, account_id):
        if path.rstrip("/") == "/v2/email/outbound-emails":
            return f"arn:aws:ses:{region}:{account_id}:identity/{identity(parsed(body))}"
        return mail_resource(method, path, body, region, account_id)

    def enforce_with_item(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        if isinstance(resource_arn, ItemArn) and resource_arn.leading_keys:
            service_context = {**(service_context or {}), "dynamodb:LeadingKeys": resource_arn.leading_keys}
        return enforce(
            access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=service_context
        )

    def conditions_met_with_variables(conditions, ctx):
        def value_of(key):
            return iam_evaluator._resolve_condition_key(key, ctx)

        return conditions_met(
            {
                operator: {key: filled(expected, value_of) for key, expected in keys.items()}
                if isinstance(keys, dict)
                else keys
                for operator, keys in (conditions or {}).items()
            },
            ctx,
        )

    def resolve_with_role(key, ctx):
        value = resolve(key, ctx)
        if key.lower() == "aws:principalarn" and isinstance(value, str) and ":assumed-role/" in value:
            from ministack.services import iam

            name = value.split(":assumed-role/", 1)[1].split("/", 1)[0]
            role = iam._roles.get_scoped(ctx.principal_account, None, name)
            return role["Arn"] if role else value
        return value

    iam_evaluator._conditions_met = conditions_met_with_variables
    iam_evaluator._resolve_condition_key = resolve_with_role
    iam_actions.dynamodb_service_context = dynamodb_service_context
    iam_actions.dynamodb_transaction_checks = dynamodb_transaction_checks
    iam_actions.request_tag_context = request_tag_context
    iam_actions._ses_v2_resource_arn = ses_v2_resource_arn
    iam_evaluator.enforce = enforce_with_item
