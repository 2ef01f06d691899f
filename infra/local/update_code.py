"""Gives deployed functions new code without a stack update, and waits until they run it.

    update_code.py     standard input: [{"function": <physical name>, "package": <path of a zip>}]
"""

import json
import pathlib
import sys
import time

import boto3


def main(functions):
    client = boto3.client("lambda")
    packages = {item["package"]: pathlib.Path(item["package"]).read_bytes() for item in functions}
    for item in functions:
        client.update_function_code(FunctionName=item["function"], ZipFile=packages[item["package"]])
    for item in functions:
        while client.get_function_configuration(FunctionName=item["function"])["LastUpdateStatus"] == "InProgress":
            time.sleep(0.05)
    print(json.dumps({"updated": len(functions)}))


if __name__ == "__main__":
    main(json.load(sys.stdin))
