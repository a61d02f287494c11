"""The compiled table that every `decide` reads: for Python, for the deployed service, and for people to compare."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import Field

from dialtone_nb.parameters.dialplan import Messages
from dialtone_nb.parameters.yaml_files import Closed

FORMAT: Final = 3


class TableRule(Closed):
    """One rule: an anchored regular expression, and where what it takes goes."""

    name: str
    pattern: str
    to: Literal["pstn", "emergency", "trunk", "number", "refuse"]
    # pstn: the number is this prefix and what was dialled, less its first `skip` keys
    prefix: str = ""
    skip: int = 0
    # number: the number; emergency: the number, "" for what was dialled; trunk: the context, "" for the phone's own;
    # refuse: what the person hears
    value: str = ""
    # whether quiet hours and the number of calls in an hour do not hold for it
    exempt: bool = False


class RefusedNumbers(Closed):
    """Numbers that begin so are never called."""

    name: str
    say: str
    pattern: str


class Countries(Closed):
    """Where numbers may lead, by how E.164 numbers begin."""

    # with the calling code of an allowed country
    allowed: str
    # and yet not called: another country of the same calling code, special prices, area codes that nobody has
    elsewhere: str
    special: str
    unassigned: str
    # unless the dial plan says so: it opens what is special or unassigned
    also_allowed: str


class Emergency(Closed):
    """The emergency numbers of a country: what is put through, what looks like one, and how one is said to a person."""

    numbers: tuple[str, ...] = Field(strict=False)
    near: str
    said: str


class TableTrunk(Closed):
    """Our own SIP server; its password is the variable TRUNK_PASSWORD, never here."""

    uri: str
    username: str
    headers: dict[str, str]
    contexts: tuple[str, ...] = Field(strict=False)


class Limits(Closed):
    """What a phone may do, where calls are counted: calls in an hour (0: any); quiet hours in minutes of its day."""

    calls_an_hour: int
    quiet_from: int
    quiet_until: int
    time_zone: str


class TableThen(Closed):
    """Where an incoming call goes on to: a number, a context of the trunk, or words."""

    to: Literal["pstn", "trunk", "say"]
    value: str


class TableClient(Closed):
    """One phone."""

    country: str
    caller_id: str
    domain: str
    trunk_context: str
    emergency: bool
    call_time_limit_s: int
    limits: Limits | None = None
    # which phones a call to its number rings, step by step; None: itself alone
    rings: tuple[tuple[str, ...], ...] | None = Field(None, strict=False)
    then: TableThen | None = None


class Domains(Closed):
    """An environment's two SIP domains."""

    emergency: str
    nonemergency: str


class TableEnvironment(Closed):
    """One environment: its SIP domains, its phones, and which phone each number is answered by."""

    domains: Domains
    clients: dict[str, TableClient]
    numbers: dict[str, str]


class Table(Closed):
    """All that a decision needs, for every environment."""

    format: Literal[3] = FORMAT
    # regular expressions shared by both languages: the user of a SIP URI or the number of a tel URI, the user and the
    # domain of a From of ours, what is left out of what was dialled, what can be dialled, an E.164 number, and what
    # Twilio takes as the caller ID of a call to a SIP phone
    address: str
    sip_domain_user: str
    left_out: str
    dialled: str
    number: str
    sip_caller_id: str
    # by a phone's country: a short code after + and a calling code, and emergency numbers
    short_codes: dict[str, str]
    emergency: dict[str, Emergency]
    rules: tuple[TableRule, ...] = Field(strict=False)
    refused: tuple[RefusedNumbers, ...] = Field(strict=False)
    countries: Countries
    trunk: TableTrunk
    ring_timeout_s: int
    call_time_limit_s: int
    emergency_time_limit_s: int
    messages: Messages
    environments: dict[str, TableEnvironment]


def table_json(table: Table) -> str:
    """The table as JSON text that people can compare: a line for each rule, message, phone and number."""
    data = table.model_dump(mode="json")
    # A rule has only what its target needs.
    data["rules"] = [rule.model_dump(exclude_defaults=True) for rule in table.rules]
    # And a phone only limits that it has.
    for name, environment in table.environments.items():
        data["environments"][name]["clients"] = {
            client: entry.model_dump(exclude_defaults=True) for client, entry in environment.clients.items()
        }
    return _lines(data, "") + "\n"


def load_table(text: str) -> Table:
    """The table that `table_json` wrote."""
    return Table.model_validate_json(text)


def table_module(table: Table) -> str:
    """The source of the deployed service's private module `table`."""
    return f"// Compiled from parameters/; change those and deploy.\nmodule.exports = {table_json(table).rstrip()};\n"


# Plain maps that are nevertheless written an entry a line.
_TALL = ("messages", "numbers")


def _lines(value: Any, indent: str, key: str = "") -> str:
    """Whatever holds lists or maps has a line for each of them; the innermost ones stay on their line."""
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(child, dict | list) for child in children) and not (children and key in _TALL):
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, dict):
        entries = [f"{inner}{json.dumps(name)}: {_lines(child, inner, name)}" for name, child in value.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{_lines(child, inner)}" for child in value) + f"\n{indent}]"
