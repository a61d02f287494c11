"""A sample of the spellings of which `make faults` tries many thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.spellings import Spelling, faults_of, table_of_spellings, try_spellings
from tests.faults.toll_fraud import sample_table
from tests.service.node import Functions

SAMPLE = 4_000


def test_every_spelling_leads_where_its_plain_form_leads(tmp_path: Path) -> None:
    """Thousands of spellings of each kind, decided alike in Python and on Node."""
    with Functions(table := sample_table(), tmp_path) as functions:
        spelled = try_spellings(table, functions.decide, SAMPLE)
    assert spelled.wrong == []
    assert spelled.outcomes.total() == SAMPLE
    assert all(count > SAMPLE / 100 for count in spelled.outcomes.values())
    assert len(spelled.outcomes) == 5
    assert table_of_spellings(spelled).endswith("| 0 |")


@pytest.mark.parametrize(
    ("plain", "is_spoilt", "number"),
    [
        ("+15035550199", False, "+15035550198"),
        ("+17005550199", False, "+17005550199"),
        ("+15005550199", False, "+15005550199"),
        ("+16005550199", False, "+16005550199"),
        ("+18765550199", False, "+18765550199"),
        ("+529001234567", False, "+529001234567"),
        ("+15035550199", True, "+15035550199"),
    ],
)
def test_a_wrong_decision_would_be_found(plain: str, is_spoilt: bool, number: str) -> None:
    """faults_of finds each kind of error."""
    right = {"kind": "dial-pstn", "number": plain}
    spelling = Spelling(plain, f"sip:{plain}@x", is_spoilt)
    assert list(faults_of(spelling, {"kind": "dial-pstn", "number": number}, right))
    assert not list(faults_of(spelling, {"kind": "refuse"}, {"kind": "refuse"}))
