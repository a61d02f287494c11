"""A short version of the long run: placed calls are reported, and memory stays within its bound."""

from __future__ import annotations

import os

import pytest

from tests.faults.long_run import ORDERS, memory_kb, run_long


def test_no_call_is_lost_between_placing_and_reporting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred calls of two environments are as many attempts in the report, with their outcomes."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", "")
    monkeypatch.setenv("DIALTONE_OPERATOR", "")
    run = run_long(200)
    assert run.is_good, (run.row(), run.placed, run.reported)
    assert run.reported.total() == 200
    assert set(run.reported) == {outcome for _, outcome in ORDERS}


def test_memory_of_a_process_is_counted_with_its_children() -> None:
    """This process has some by the system's count."""
    assert memory_kb(os.getpid()) > 10_000
