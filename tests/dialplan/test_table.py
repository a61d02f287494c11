"""The table as text."""

from __future__ import annotations

import json

from dialtone_nb.dialplan.compile import Table, compile_table, load_table, table_json, table_module
from dialtone_nb.parameters import Parameters


def test_round_trip(table: Table) -> None:
    """Reading back what was written gives an equal table, and writing that gives the same bytes."""
    text = table_json(table)
    assert load_table(text) == table
    assert table_json(load_table(text)) == text


def test_deterministic(parameters: Parameters, table: Table) -> None:
    """The same parameters give the same bytes."""
    assert table_json(compile_table(parameters)) == table_json(table)


def test_readable(table: Table, parameters: Parameters) -> None:
    """Each phone, rule, message and number has its own line, so that a diff shows changes."""
    lines = table_json(table).splitlines()
    for name in parameters.clients:
        assert sum(line.lstrip().startswith(f'"{name}": {{') for line in lines) == 1
    for rule in parameters.dialplan.rules:
        assert sum(f'"name": "{rule.name}"' in line for line in lines) == 1
    assert sum('"name"' in line for line in lines) == len(table.rules) + len(table.refused)


def test_module(table: Table) -> None:
    """The private module assigns the same JSON to module.exports."""
    source = table_module(table)
    before, _, after = source.partition("module.exports = ")
    assert before.startswith("// ")
    assert json.loads(after.removesuffix(";\n")) == json.loads(table_json(table))


def test_no_password(table: Table) -> None:
    """The trunk has its user name and no password."""
    assert set(json.loads(table_json(table))["trunk"]) == {"uri", "username", "headers", "contexts"}
