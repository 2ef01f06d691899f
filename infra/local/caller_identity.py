"""Says whose AWS credentials are in use, and where; fails when there are none that AWS accepts."""

import sys

import boto3
import botocore.exceptions

try:
    session = boto3.Session()
    identity = session.client("sts", region_name=session.region_name or "us-east-1").get_caller_identity()
except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
    sys.exit(f"{error}")
print(f"Account {identity['Account']}, region {session.region_name or 'not set'}, as {identity['Arn']}")
