"""The compiled table that `decide` reads, in Python and in the deployed service, as JSON that people can compare."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import Field

from dialtone_nb.parameters.dialplan import Messages
from dialtone_nb.parameters.yaml_files import Closed

FORMAT: Final = 3


class TableRule(Closed):
    """One rule: an anchored regular expression of dialled digits, and the target of these calls."""

    name: str
    pattern: str
    to: Literal["pstn", "emergency", "trunk", "number", "refuse"]
    # pstn: the number is this prefix and the dialled keys without the first `skip`
    prefix: str = ""
    skip: int = 0
    # number: the number; emergency: the number, "" for the dialled one; trunk: the context, "" for the phone's own;
    # refuse: the message for the caller
    value: str = ""
    # whether the rule is exempt from quiet hours and from the limit of calls in an hour
    exempt: bool = False


class RefusedNumbers(Closed):
    """Prefixes of numbers that are never called, and the message for the caller."""

    name: str
    say: str
    pattern: str


class Countries(Closed):
    """The countries that may be called, as expressions of how E.164 numbers begin."""

    # with the calling code of an allowed country
    allowed: str
    # exceptions: other countries with the same calling code, special rates, unassigned area codes
    elsewhere: str
    special: str
    unassigned: str
    # exceptions from `special` and `unassigned`, by the dial plan
    also_allowed: str


class Emergency(Closed):
    """The emergency numbers of a country: those put through, digits that look like one, and how one is spoken."""

    numbers: tuple[str, ...] = Field(strict=False)
    near: str
    said: str


class TableTrunk(Closed):
    """Our own SIP server; its password is in the variable TRUNK_PASSWORD, never here."""

    uri: str
    username: str
    headers: dict[str, str]
    contexts: tuple[str, ...] = Field(strict=False)


class Limits(Closed):
    """A phone's limits: calls in an hour (0 is no limit), and quiet hours in minutes of the day of its time zone."""

    calls_an_hour: int
    quiet_from: int
    quiet_until: int
    time_zone: str


class TableThen(Closed):
    """The target of an incoming call that nobody answered: a number, a context of the trunk, or spoken words."""

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
    # the phones that a call to its number rings, step by step; None: itself alone
    rings: tuple[tuple[str, ...], ...] | None = Field(None, strict=False)
    then: TableThen | None = None


class Domains(Closed):
    """An environment's two SIP domains."""

    emergency: str
    nonemergency: str


class TableEnvironment(Closed):
    """One environment: its SIP domains, its phones, and the phone of each number."""

    domains: Domains
    clients: dict[str, TableClient]
    numbers: dict[str, str]


class Table(Closed):
    """Everything that decisions need, for all environments."""

    format: Literal[3] = FORMAT
    # regular expressions for Python and JavaScript: the user of a SIP URI or number of a tel URI, user and domain of
    # our own From, characters to leave out of dialled keys, dialled keys, E.164 numbers, and caller IDs that Twilio
    # takes for calls to SIP phones
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
    """The table as JSON text that people can compare, with a line for each rule, message, phone and number."""
    data = table.model_dump(mode="json")
    # A rule has only what its target needs.
    data["rules"] = [rule.model_dump(exclude_defaults=True) for rule in table.rules]
    # A phone has only the fields that differ from the defaults.
    for name, environment in table.environments.items():
        data["environments"][name]["clients"] = {
            client: entry.model_dump(exclude_defaults=True) for client, entry in environment.clients.items()
        }
    return _lines(data, "") + "\n"


def load_table(text: str) -> Table:
    """Parse a table from the text of `table_json`."""
    return Table.model_validate_json(text)


def table_module(table: Table) -> str:
    """The source of the deployed service's private module `table`."""
    return f"// Compiled from parameters/; change those and deploy.\nmodule.exports = {table_json(table).rstrip()};\n"


# Maps of plain values that are still written with one entry per line.
_TALL = ("messages", "numbers")


def _lines(value: Any, indent: str, key: str = "") -> str:
    """JSON with one line for each list or map within another; innermost lists and maps stay on one line."""
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(child, dict | list) for child in children) and not (children and key in _TALL):
        return json.dumps(value, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, dict):
        entries = [f"{inner}{json.dumps(name)}: {_lines(child, inner, name)}" for name, child in value.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{_lines(child, inner)}" for child in value) + f"\n{indent}]"
