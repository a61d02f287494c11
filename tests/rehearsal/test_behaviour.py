"""Twilio's behaviour beyond the shape of its API: the cases of behaviour/, each with its source."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsal.behaviour_cases import Case, Stage, holds, read_cases, told
from tests.rehearsal.doors import Door

CASES = [pytest.param(case, id=f"{name}-{case.says.replace(' ', '_')}") for name, case in read_cases()]


@pytest.mark.parametrize("case", CASES)
def test_twilio_does_so(door: Door, case: Case) -> None:
    """A case's preparations succeed, and its request gets the expected response."""
    stage = Stage(door)
    for line in case.first:
        assert stage.play(line).status_code < 300, line
    response = stage.play(case.do)
    assert told(response) == str(case.get), response.text
    if case.body is not None:
        found = response.json() if isinstance(case.body, dict) else response.text
        assert holds(found, case.body), found


def test_every_case_names_its_source_and_differs_from_the_others() -> None:
    """No two cases are equal, and each has a source for Twilio's behaviour."""
    cases = [case for _, case in read_cases()]
    assert len({case.says for case in cases}) == len(cases)
    assert [case.says for case in cases if not case.source] == []


def test_a_wrong_answer_is_seen() -> None:
    """Another value, a missing key, another length of a list and another prefix fail; additional keys pass."""
    found = {"code": 21232, "more": 1, "list": [{"sid": "CA1"}]}
    assert holds(found, {"code": 21232, "list": [{"sid": "CA…"}]})
    nearly: list[dict[str, Any]] = [
        {"code": 21231},
        {"status": 400},
        {"list": []},
        {"list": [{"sid": "NO…"}]},
        {"list": [{"sid": "CA"}]},
    ]
    for wrong in nearly:
        assert not holds(found, wrong), wrong
