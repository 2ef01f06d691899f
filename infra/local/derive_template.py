"""Packs the functions and writes the template that the local cloud gets.

    derive_template.py <project root> <directory of the built binaries> <directory of the packed functions> <output directory>

What `sam build` would do with `template.yaml`, with the binaries that `cargo build` made for this machine: `CodeUri`
becomes the package of the function's area, and the nested templates are named by their whole path. Nothing else
differs from what AWS gets.

Prints, as JSON, the functions with their routes, the SHA-256 of each area's package, and what `samconfig.toml` says
for `local`.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile

from samcli.yamlhelper import yaml_dump, yaml_parse

NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}


def read(path):
    return yaml_parse(path.read_text())


def write(path, text):
    """Atomically, so that another run never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w" if isinstance(text, str) else "wb", dir=path.parent, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)


def pack(binary, packages, area):
    """One zip per area with the binary as `bootstrap`; its SHA-256. The same binary gives the same bytes."""
    package, stamp = packages / f"{area}.zip", packages / f"{area}.stamp"
    seen = binary.stat()
    made_from = f"{seen.st_mtime_ns} {seen.st_size}"
    if package.exists() and stamp.exists() and stamp.read_text() == made_from:
        return digest(package)
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packages) as scratch:
        bootstrap = pathlib.Path(scratch, "bootstrap")
        shutil.copyfile(binary, bootstrap)
        # Symbols are a third of an unoptimized binary, and the copy in the target directory keeps them.
        subprocess.run(["strip", bootstrap], check=True)
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = 0o100755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        new = pathlib.Path(scratch, "package.zip")
        with zipfile.ZipFile(new, "w") as archive:
            archive.writestr(entry, bootstrap.read_bytes(), compresslevel=1)
        os.replace(new, package)
    write(stamp, made_from)
    return digest(package)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def nested(template):
    for resource in template["Resources"].values():
        if resource["Type"] in NESTED:
            location = resource["Properties"].get(NESTED[resource["Type"]])
            if isinstance(location, str) and "://" not in location:
                yield resource["Properties"], NESTED[resource["Type"]], location


def functions(template):
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield name, resource


def routes(function):
    """Path and method of each HttpApi event."""
    events = (function["Properties"].get("Events") or {}).values()
    return [
        {"path": event["Properties"]["Path"], "method": event["Properties"].get("Method", "ANY").upper()}
        for event in events
        if event["Type"] == "HttpApi"
    ]


def configuration(root):
    """Stack name, capabilities and parameters of `local` in samconfig.toml."""
    path = root / "samconfig.toml"
    local = tomllib.loads(path.read_text()).get("local", {}) if path.exists() else {}
    of = lambda command: local.get(command, {}).get("parameters", {})
    overrides = {**of("global"), **of("deploy")}.get("parameter_overrides", [])
    if isinstance(overrides, str):
        overrides = shlex.split(overrides)
    return {
        "stack_name": {**of("global"), **of("deploy")}.get("stack_name", "rookery-local"),
        "parameters": dict(pair.split("=", 1) for pair in overrides),
    }


def main(root, binaries, packages, output):
    template = read(root / "template.yaml")
    found = []
    area_of = {name: function["Metadata"]["BuildProperties"]["Binary"] for name, function in functions(template)}
    areas = sorted(set(area_of.values()))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = dict(zip(areas, pool.map(lambda area: pack(binaries / area, packages, area), areas)))
    for name, function in functions(template):
        area = area_of[name]
        function["Properties"]["CodeUri"] = str(packages / f"{area}.zip")
        found.append({"id": name, "area": area, "package": str(packages / f"{area}.zip"), "routes": routes(function)})
    for properties, key, location in nested(template):
        properties[key] = str(root / location)
    write(output / "template.yaml", yaml_dump(template))
    print(json.dumps({
        **configuration(root),
        "known_parameters": sorted(template.get("Parameters") or {}),
        "functions": found,
        "packages": digests,
    }))


if __name__ == "__main__":
    main(*(pathlib.Path(argument).absolute() for argument in sys.argv[1:5]))
