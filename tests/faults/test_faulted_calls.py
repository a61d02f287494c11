"""A sample of the calls placed during faults; `make faults PARTS=calls` places all."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.faults.faulted_calls import (
    FAULTS,
    HEARD,
    QUIET,
    REACHED,
    Verdict,
    amiss,
    list_cases,
    table_of_calls,
    try_calls,
)

SAMPLE = ("our server killed", "our server's table missing", "functions crash", "the phone off", "the trunk dead")


@pytest.fixture(scope="module")
def verdicts() -> Sequence[Verdict]:
    """The results of some faults at rest."""
    return try_calls(list_cases([fault for fault in FAULTS if fault.name in SAMPLE], [QUIET]))


def test_no_call_is_lost_where_something_keeps_it(verdicts: Sequence[Verdict]) -> None:
    """During each fault every caller, also to 911, reaches a person or hears the right message."""
    assert amiss(verdicts) == []
    after = [one for one in verdicts if one.case.is_after]
    assert sum(one.count(["911"], [REACHED, HEARD]) for one in after) == sum(one.count(["911"]) for one in after) > 0


def test_the_table_shows_what_keeps_them(verdicts: Sequence[Verdict]) -> None:
    """With functions as fallback a dead server loses no call; a phone that is off is followed by the next step."""
    found = {str(one.case): one for one in verdicts}
    assert found["our server killed, quiet, before"].count(words=[REACHED, HEARD]) == 0
    assert found["our server killed, quiet, after"].count(words=[REACHED]) == 4
    assert found["the phone off, quiet, before"].count(words=[HEARD]) == 1
    assert found["the phone off, quiet, after"].count(words=[REACHED]) == 1
    rows = table_of_calls(verdicts).splitlines()
    assert len(rows) == 2 + len(SAMPLE) + 1
    assert "| our server killed | quiet | 4 | 0 | 0 | 0% | 0% | 4 | 4 | 0 | 100% | 100% |" in rows
