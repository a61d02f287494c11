"""Reads and runs behaviour/*.yaml: Twilio's behaviour beyond the shape of its API, with sources.

A case has a statement (`says`), its `source`, the lines that prepare it (`first`), and one more line (`do`), which must
get a status and error code (`get`), and a `body` that contains at least the given values. A line is one of

    [COUNT x] METHOD ADDRESS [NAME=VALUE ...] [-> NAME]     a request; NAME then stands for the new resource's SID
    UPLOAD SERVICE FUNCTION PATH VISIBILITY CODE [-> NAME]  a function's version
    CALL NAME=VALUE ...                                     a call, as POST /calls of rehearsal.localhost
    CLOCK SECONDS                                           advance the clock

An ADDRESS is a path under the account (/Calls), a product's (serverless/Services), or a whole URL; with `signed` before
it the request has Twilio's signature. {NAME} stands for a SID, {NAME.field} for another field of the resource
({NAME.list.0.field} for a nested one), {n} for the count, {x65} for 65 times x.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml
from twilio.request_validator import RequestValidator

from tests.rehearsal.doors import Door

FOLDER = Path(__file__).with_name("behaviour")


@dataclass(frozen=True)
class Case:
    """One behaviour of Twilio."""

    says: str
    source: str
    do: str
    get: str
    first: tuple[str, ...] = ()
    body: Any = None


def read_cases() -> Iterator[tuple[str, Case]]:
    """Every case, with the name of the file that it is in."""
    for file in sorted(FOLDER.glob("*.yaml")):
        for one in yaml.load(file.read_text("utf-8"), yaml.CSafeLoader):
            yield file.stem, Case(**one | {"first": tuple(one.get("first", ()))})


def holds(found: Any, wanted: Any) -> bool:
    """Whether the actual value has at least the expected; lists have equal length, texts ending in … are prefixes."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and holds(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(found) == len(wanted)
        return same and all(holds(one, other) for one, other in zip(found, wanted, strict=True))
    if isinstance(wanted, str) and wanted.endswith("…"):
        return isinstance(found, str) and found.startswith(wanted[:-1])
    return bool(found == wanted)


@dataclass
class Stage:
    """Executes lines, and keeps the resources that they created."""

    door: Door
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)  # of every request to Twilio's side, such as auth

    def play(self, line: str) -> requests.Response:
        """Execute a line and return the last response."""
        times, _, rest = line.partition(" x ")
        if not times.isdigit():
            times, rest = "1", line
        response = None
        for n in range(int(times)):
            response = self._ask(rest, n)
        assert response is not None, line
        return response

    def _ask(self, line: str, n: int) -> requests.Response:
        line, _, name = line.partition(" -> ")
        verb, *words = shlex.split(self.filled(line, n))
        match verb:
            case "CLOCK":
                response = self.door.ask("POST", "rehearsal.localhost", "/clock", json={"advance_s": float(words[0])})
            case "CALL":
                order = {
                    key: yaml.safe_load(value) if value in {"true", "false"} else value for key, value in _pairs(words)
                }
                response = self.door.ask("POST", "rehearsal.localhost", "/calls", json=order)
            case "UPLOAD":
                response = self.door.upload(*words)
            case _:
                response = self._request(verb, words)
        if name:
            self.made[name.strip()] = response.json()
        return response

    def _request(self, method: str, words: list[str]) -> requests.Response:
        is_signed = words[0] == "signed"
        address, *rest = words[is_signed:]
        pairs = _pairs(rest)
        data = pairs if method == "POST" else None
        if not address.startswith("https://"):
            return self._of_account(method, address, data)
        parts = urlsplit(address)
        headers = {}
        if is_signed:
            validator = RequestValidator(self.door.rehearsal.auth_token)
            headers["X-Twilio-Signature"] = validator.compute_signature(address, dict(pairs))
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self.door.ask(method, parts.netloc, path, data=data, headers=headers, **self.options)

    def _of_account(self, method: str, address: str, data: list[tuple[str, str]] | None) -> requests.Response:
        path, _, query = address.partition("?")
        query = f"?{query}" if query else ""
        if path.startswith("/"):
            return self.door.classic(method, f"{path}.json{query}", data=data, **self.options)
        product, _, path = path.partition("/")
        return self.door.ask(method, f"{product}.twilio.com", f"/v1/{path}{query}", data=data, **self.options)

    def filled(self, line: str, n: int = 0) -> str:
        """The line with each {…} replaced."""

        def fill(found: re.Match[str]) -> str:
            if found[1] == "n":
                return str(n)
            if repeated := re.fullmatch(r"(.)(\d+)", found[1]):
                return repeated[1] * int(repeated[2])
            name, _, key = found[1].partition(".")
            return str(dig(self.made[name], key or "sid")) if name in self.made else found[0]

        return re.sub(r"\{([^{}\s]+)\}", fill, line)


MISSING = object()


def dig(value: Any, path: str) -> Any:
    """The value at a path such as alerts.0.sid in objects and lists; MISSING if there is none."""
    for part in path.split(".") if path else ():
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (word.partition("=") for word in words)]


def told(response: requests.Response) -> str:
    """Status and code of a response, in a case's format."""
    try:
        code = response.json().get("code", "")
    except (requests.JSONDecodeError, AttributeError):
        code = ""
    return f"{response.status_code} {code}".strip()
