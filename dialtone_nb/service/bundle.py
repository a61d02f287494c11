"""What is deployed: the modules beside this file and the compiled table, with their hashes and their manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dialtone_nb.dialplan.table import Table, table_json, table_module

FOLDER = Path(__file__).parent
MANIFEST = "/manifest"
TABLE = "/table"
FALLBACK = "/fallback"
# What is asked when a phone dials: functions that have it answer calls, others only stand by.
OUTGOING = "/sip-outgoing"
_NEEDED = "const NEEDED = {};"
_PREFIX = "// Which version of each module this build was made of; written at deployment.\nmodule.exports = "


@dataclass(frozen=True)
class Module:
    """One function or private module: its path at Twilio, who may ask for it, and its source."""

    path: str
    visibility: str
    content: bytes

    @cached_property
    def sha256(self) -> str:
        """The hash of its source, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """Everything that one build is made of."""

    modules: Mapping[str, Module]
    runtime: str
    dependencies: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """What identifies this code, whatever SIDs Twilio gives to it."""
        return code_digest(
            {path: (module.visibility, module.sha256) for path, module in self.modules.items()},
            self.runtime,
            self.dependencies,
        )


def read_bundle(table: Table, runtime: str) -> Bundle:
    """The modules of this folder and the table, by path: `name.visibility.js` becomes `/name`."""
    modules = {}
    for file in sorted((FOLDER / "functions").glob("*.js")):
        name, visibility, _ = file.name.split(".")
        modules[f"/{name}"] = Module(f"/{name}", visibility, file.read_bytes())
    modules[TABLE] = Module(TABLE, "private", table_module(table).encode())
    modules[FALLBACK] = _with_table(modules[FALLBACK], table)
    package = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    return Bundle(modules, runtime, package["dependencies"])


def _with_table(fallback: Module, table: Table) -> Module:
    """The fallback with the little that it needs of the table, which it must not load."""
    phones = {
        name: {"caller_id": client.caller_id, "country": client.country}
        for environment in table.environments.values()
        for name, client in environment.clients.items()
        if client.emergency
    }
    countries = {
        country: {"numbers": table.emergency[country].numbers, "short_codes": table.short_codes[country]}
        for country in {phone["country"] for phone in phones.values()}
    }
    source = fallback.content.decode()
    if _NEEDED not in source:
        raise ValueError(f"the source of {FALLBACK} has no line {_NEEDED!r}")
    needed = {"phones": phones, "countries": countries, "sip_domain_user": table.sip_domain_user}
    filled = source.replace(_NEEDED, f"const NEEDED = {json.dumps(needed, indent=2, sort_keys=True)};")
    return Module(fallback.path, fallback.visibility, filled.encode())


def fallback_alone(bundle: Bundle) -> Bundle:
    """The fallback of a bundle without the rest: what stands by at Twilio for our own server; it needs no package."""
    return Bundle({FALLBACK: bundle.modules[FALLBACK]}, bundle.runtime, {})


def table_bundle(table: Table) -> Bundle:
    """What our own server is given: the table alone, since it has the code that reads it; its hash is its version."""
    return Bundle({TABLE: Module(TABLE, "private", table_json(table).encode())}, "", {})


def code_digest(modules: Mapping[str, tuple[str, str]], runtime: str, dependencies: Mapping[str, str]) -> str:
    """One hash over path, visibility and hash of every module, the runtime and the dependencies."""
    content = [runtime, sorted(dependencies.items()), sorted((path, *rest) for path, rest in modules.items())]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_manifest(modules: Mapping[str, tuple[str, str, str]]) -> bytes:
    """The manifest's source: version SID, visibility and hash of each module, by path.

    The SIDs are what makes it trustworthy: versions never change, so a build of just these versions holds these hashes.
    """
    listed = {
        path: {"version": sid, "visibility": visibility, "sha256": sha256}
        for path, (sid, visibility, sha256) in sorted(modules.items())
    }
    return (_PREFIX + json.dumps(listed, indent=1) + ";\n").encode()


def parse_manifest(source: str) -> dict[str, tuple[str, str, str]]:
    """Version SID, visibility and hash of each module; empty where the source is not a manifest of ours."""
    if not source.startswith(_PREFIX):
        return {}
    try:
        listed = json.loads(source.removeprefix(_PREFIX).rstrip().removesuffix(";"))
        return {path: (one["version"], one["visibility"], one["sha256"]) for path, one in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
