"""docs/coverage.md: each operation of the products that the rehearsal models, and how Twilio's behaviour is known.

`python -m tests.contract.coverage_page` generates it from Twilio's documents, the rehearsal's own operations, the
recorded facts that tests replay, and the assumptions that the code of an operation uses.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from urllib.parse import urlsplit

from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.rehearsal.api.all_operations import OPERATIONS
from dialtone_nb.rehearsal.http.operations import Operation, Router
from dialtone_nb.rehearsal.openapi import PUBLISHED, Coverage, compare_coverage, list_operations, read_documents
from dialtone_nb.values.assumptions import load_assumptions
from tests.rehearsal.test_recorded import FACTS, Fact

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "coverage.md"
COMMAND = "python -m tests.contract.coverage_page"
# When npm has had the documents since: neither they nor their package say it.
PUBLISHED_ON = {"9.0.0": "September 19, 2026"}
OURS = "dialtone_nb.rehearsal.api"
ACCOUNT = "/2010-04-01/Accounts/AC"
UPLOAD = ("POST", "serverless-upload.twilio.com", "/v1/Services/ZS/Functions/ZH/Versions")
REQUEST = re.compile(r"(?:\d+ x )?(GET|POST|DELETE|UPLOAD) (.*?)(?: -> \w+)?")
WORDS: Mapping[str, str] = {
    "recorded": "it is rehearsed, and somebody has recorded the real Twilio at it: the facts named "
    "(`tests/rehearsal/recorded.yaml`) are replayed in the tests",
    "documented": "it is rehearsed as Twilio's documents and pages have it: its requests and responses are held "
    "against the OpenAPI document",
    "assumed": "what neither tells, and the rehearsal does all the same: rows of "
    "`dialtone_nb/values/assumptions.yaml`, which the runbook [probe](../notebooks/probe.ipynb) settles on an account",
    "refused": "it is not rehearsed: it answers 501 and names itself",
}


def version_of_documents() -> str:
    """The version of npm's package that carries Twilio's documents."""
    package = PUBLISHED.parents[2] / "package.json"
    return str(json.loads(package.read_text(encoding="utf-8"))["version"])


def read_coverage() -> Coverage:
    """What is modelled of Twilio's documents."""
    documented = [one for product, document in read_documents().items() for one in list_operations(product, document)]
    return compare_coverage(documented, OPERATIONS)


# --- which facts are of an operation ---


def requests_of(fact: Fact) -> Iterator[tuple[str, str, str]]:
    """Method, host and path of each request that a fact is about."""
    for line in fact.do:
        found = REQUEST.fullmatch(line) if isinstance(line, str) else None
        if found is None:
            continue
        address = next((word for word in shlex.split(found[2]) if word != "signed"), "").partition("?")[0]
        if found[1] == "UPLOAD":
            yield UPLOAD
        elif address.startswith("https://"):
            yield found[1], urlsplit(address).netloc, urlsplit(address).path
        elif address.startswith("/"):
            yield found[1], "api.twilio.com", f"{ACCOUNT}{address}.json"
        else:
            product, _, path = address.partition("/")
            yield found[1], f"{product}.twilio.com", f"/v1/{path}"


def recorded_facts() -> Mapping[Operation, list[str]]:
    """The facts recorded elsewhere that the rehearsal agrees with, by operation."""
    router = Router(OPERATIONS)
    facts: defaultdict[Operation, list[str]] = defaultdict(list)
    for fact in FACTS:
        if fact.differs or fact.sure not in {"certain", "likely"}:
            continue
        for method, host, path in requests_of(fact):
            found = router.find(host, method, path)
            if found and fact.id not in facts[found[0]]:
                facts[found[0]].append(fact.id)
    return facts


# --- which assumptions an operation makes ---


def functions_behind(handler: Any) -> set[FunctionType]:
    """The rehearsal's functions that a handler calls, as far as names show."""
    behind: set[FunctionType] = set()
    left: list[Any] = [handler]
    while left:
        one = left.pop()
        if isinstance(one, functools.partial):
            left += [one.func, *one.args]
            continue
        owner, function = getattr(one, "__self__", None), getattr(one, "__func__", one)
        if not isinstance(function, FunctionType) or function in behind or not function.__module__.startswith(OURS):
            continue
        behind.add(function)
        left += [cell.cell_contents for cell in function.__closure__ or ()]
        for name in names_in(function.__code__):
            left += [function.__globals__.get(name), getattr(owner, name, None) if owner else None]
    return behind


def names_in(code: CodeType) -> set[str]:
    """The names that a function and its nested functions use."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return {*code.co_names, *(name for one in inner for name in names_in(one))}


def assumptions_of(operation: Operation) -> list[str]:
    """The assumptions of an operation, in the order of their rows."""
    handlers = filter(None, (operation.handler, operation.at_exchange))
    read = {name for one in handlers for function in functions_behind(one) for name in names_in(function.__code__)}
    return [one for one in load_assumptions() if one in read]


# --- the page ---


def render() -> str:
    """The whole page."""
    coverage, facts, version = read_coverage(), recorded_facts(), version_of_documents()
    by_key = {(one.host, one.method, re.sub(r"\{\w+\}", "{}", one.path)): one for one in OPERATIONS}
    assumed = {one: assumptions_of(one) for one in OPERATIONS}
    tables: list[str] = []
    totals: Counter[str] = Counter()
    for product in coverage.products:
        listed = [row(by_key[one.key], facts, assumed) for one in product.modelled]
        listed += [(one.method, f"{one.host}{one.path}", "refused", "") for one in product.refused]
        totals += (counts := Counter(word for _, _, word, _ in listed))
        title = f"## {product.name}: {len(product.modelled)} of {len(listed)}"
        tables.append(f"{title}\n\n{say(counts)}.\n\n{table(sorted(listed, key=lambda one: (one[1], one[0])))}")
    undocumented = [row(one, facts, assumed) for one in coverage.undocumented]
    beyond = [one for one in load_assumptions().values() if not any(one.id in them for them in assumed.values())]
    about = (
        f"Made by `{COMMAND}`, not by hand; a test fails where it is out of date. Twilio's OpenAPI documents are those "
        f"of npm's `@twilio/cli-core` {version}, of {PUBLISHED_ON[version]}: {coverage.documented} operations of the "
        f"{len(coverage.products)} products that the rehearsal touches. {say(totals)}."
    )
    words = ["| word | what it says of an operation |", "|---|---|", *(f"| {one} | {WORDS[one]} |" for one in WORDS)]
    parts = ["# What is rehearsed of Twilio", about, "\n".join(words), *tables]
    parts += ["## In no document of Twilio's", table(undocumented)]
    parts += ["## Assumed of calls, TwiML, SIP and functions", "`value` is what the rehearsal does."]
    rows = [f"| {one.id} | {str(one.value).lower()} | {cell(one.assumes)} |" for one in beyond]
    parts.append("\n".join(["| assumption | value | what is assumed |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def cell(text: str) -> str:
    """A text in one line, as Markdown has it in a table."""
    return " ".join(text.split()).replace("<", "&lt;")


def row(
    operation: Operation, facts: Mapping[Operation, list[str]], assumed: Mapping[Operation, list[str]]
) -> tuple[str, str, str, str]:
    """Method, path, status, and the facts and assumptions behind it."""
    known, guessed = facts.get(operation, []), assumed[operation]
    word = " + ".join(["recorded" if known else "documented", *(["assumed"] if guessed else [])])
    notes = "; ".join(filter(None, (", ".join(known), ", ".join(guessed))))
    return operation.method, f"{operation.host}{operation.path}", word, notes


def say(counts: Counter[str]) -> str:
    """The number of operations with each status."""
    order = ("recorded", "recorded + assumed", "documented", "documented + assumed", "refused")
    return ", ".join(f"{counts[word]} {word}" for word in order if counts[word])


def table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """A table of operations."""
    lines = ["| | operation | | facts; assumptions |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {method} | `{at}` | {word} | {notes} |" for method, at, word, notes in rows)])


if __name__ == "__main__":
    write_whole(PAGE, render())
