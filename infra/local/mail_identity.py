"""Verifies the identity that mails come from, as the operator of a deployed stack does at SES beforehand.

    mail_identity.py <stack name>
"""

import json
import sys

import boto3


def main(stack):
    described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    mail = boto3.client("sesv2")
    try:
        mail.create_email_identity(EmailIdentity=parameters["MailIdentity"])
    except mail.exceptions.AlreadyExistsException:
        pass
    print(json.dumps({"identity": parameters["MailIdentity"]}))


if __name__ == "__main__":
    main(sys.argv[1])
