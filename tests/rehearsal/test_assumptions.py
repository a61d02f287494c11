"""The rows of values/assumptions.yaml, and their use by the rehearsal."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import dialtone_nb
from dialtone_nb.rehearsal.assumptions import DOCUMENTED, RECORDED, Behaviour, choose_behaviour
from dialtone_nb.values.assumptions import load_assumptions

REHEARSAL = Path(dialtone_nb.__file__).parent / "rehearsal"
ROWS = load_assumptions()


def test_every_row_says_all_that_there_is_to_say() -> None:
    """The assumed value, its alternatives, the source, and how it could be decided."""
    for one in ROWS.values():
        assert one.assumes and one.evidence and one.decides, one.id
        assert one.alternatives and one.value not in one.alternatives, one.id
        assert {type(other) for other in (*one.alternatives, one.value)} == {type(one.value)}, one.id
        assert one.documented is None or one.documented in one.alternatives, one.id


def test_the_two_twilios_are_made_of_the_rows() -> None:
    """The recorded set has each row's value; the documented set has the documentation's where they differ."""
    declared = {one.name: one.type for one in fields(Behaviour) if one.name != "name"}
    assert declared == {one.id: type(one.value).__name__ for one in ROWS.values()}
    for one in ROWS.values():
        assert getattr(RECORDED, one.id) == one.value
        assert getattr(DOCUMENTED, one.id) == (one.documented if one.is_disputed else one.value)
    assert sum(one.is_disputed for one in ROWS.values()) == 5


def test_the_rehearsal_reads_every_assumption() -> None:
    """Some module of the rehearsal uses each attribute."""
    read = {
        node.attr
        for path in REHEARSAL.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert sorted(set(ROWS) - read) == []


def test_what_is_assumed_otherwise_takes_the_place_of_a_value() -> None:
    """A rehearsal with changed assumptions differs only in those."""
    other = choose_behaviour("recorded", {"not_complete_status": 400})
    assert other.not_complete_status == 400
    assert [one.name for one in fields(other) if getattr(other, one.name) != getattr(RECORDED, one.name)] == [
        "not_complete_status"
    ]
