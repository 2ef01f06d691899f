"""Lays out the functions for `sam local invoke`.

    invoke_template.py <project root> <directory of the built binaries> <output directory>

Reads from standard input, as JSON, `endpoint_url` (where the functions find AWS), and `functions` (logical id to name in
the running stack, or nothing when no stack runs). Writes one folder per area with its binary as `bootstrap`, and a
template with the functions alone: their variables are those of the deployed function, or, without a stack, the
parameters' defaults and made-up names.

Prints, as JSON, the functions by their logical id.
"""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import boto3

from derive_template import configuration, functions, read, write

KEPT = ["Handler", "MemorySize", "Timeout"]


def lay_out(binary, folder):
    """`sam local invoke` mounts the folder as it is, so the binary is put into place, not packed."""
    bootstrap = folder / "bootstrap"
    if bootstrap.exists() and bootstrap.stat().st_mtime_ns >= binary.stat().st_mtime_ns:
        return
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "bootstrap.new"
    shutil.copyfile(binary, new)
    subprocess.run(["strip", "--strip-debug", new], check=True)
    new.chmod(0o755)
    os.replace(new, bootstrap)


def made_up(variables, parameters):
    """A value for each variable: that of the parameter it names, else a name that nothing has."""
    values = {}
    for name, value in variables.items():
        if isinstance(value, dict):
            value = parameters.get(value.get("Ref"), f"local-{name.lower().replace('_', '-')}")
        values[name] = str(value)
    return values


def deployed(client, name):
    return client.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})


def main(root, binaries, output):
    asked = json.load(sys.stdin)
    template = read(root / "template.yaml")
    defaults = {name: parameter.get("Default") for name, parameter in template.get("Parameters", {}).items()}
    parameters = {**defaults, **configuration(root)["parameters"]}
    running = asked.get("functions") or {}
    client = boto3.client("lambda") if running else None
    architecture = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    everywhere = template["Globals"]["Function"]
    resources, found = {}, {}
    for name, function in functions(template):
        properties = function["Properties"]
        area = function["Metadata"]["BuildProperties"]["Binary"]
        lay_out(binaries / area, output / area)
        if name in running:
            variables = deployed(client, running[name])
        else:
            variables = made_up(properties.get("Environment", {}).get("Variables", {}), parameters)
        # A container acts with the operator's credentials, which may not take on the role of a function.
        variables.pop("TENANT_ROLE_ARN", None)
        resources[name] = {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                **{key: properties.get(key, everywhere.get(key)) for key in KEPT if key in {**everywhere, **properties}},
                "Runtime": everywhere["Runtime"],
                "Architectures": [architecture],
                "CodeUri": str(output / area),
                "Environment": {"Variables": {**variables, "AWS_ENDPOINT_URL": asked["endpoint_url"]}},
            },
        }
        found[name] = properties["Handler"]
    # JSON is YAML, and the SAM CLI reads it in no time.
    write(output / "template.yaml", json.dumps({"Transform": template["Transform"], "Resources": resources}, indent=2))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*(pathlib.Path(argument).absolute() for argument in sys.argv[1:4]))
