"""A few planted causes of each kind; `make faults PARTS=causes` plants all, with more seeds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dialtone_nb.verify.diagnosis import load_symptoms
from tests.faults.planted_causes import CAUSES, Verdict, amiss, list_cases, table_of_causes, try_causes

SAMPLE = (
    *("Twilio answers 503", "the account is suspended", "the password is rotated"),
    *("a country is off", "911, no address", "a cable is out"),
    "the other phone is broken",
)


@pytest.fixture(scope="module")
def verdicts() -> Sequence[Verdict]:
    """The results for some causes."""
    return try_causes(list_cases([one for one in CAUSES if one.name in SAMPLE]))


def test_the_planted_cause_is_named(verdicts: Sequence[Verdict]) -> None:
    """With each of its symptoms, and despite the other events of the day."""
    assert len(verdicts) > len(SAMPLE)
    assert amiss(verdicts) == []


def test_the_table_counts_what_is_false_apart_from_what_is_asked(verdicts: Sequence[Verdict]) -> None:
    """A question is no mistake, but a wrong cause is."""
    first, second, third, *_ = verdicts
    some = [first, Verdict(second.case, "phone-off"), Verdict(third.case, "", "What is heard?")]
    assert table_of_causes(some).splitlines()[-1] == "| all 1 | | 3 | 1 | 1 | 1 |"
    assert amiss(some) == [
        f"{second.case}: phone-off, not twilio-down",
        f"{third.case}: What is heard?, not twilio-down",
    ]


def test_every_symptom_has_causes_planted_and_every_planted_cause_is_one_of_its_symptoms() -> None:
    """Otherwise its cause could never be named."""
    table = load_symptoms()
    assert {symptom for one in CAUSES for symptom in one.symptoms} == set(table.symptoms)
    answers = {cause for one in table.questions.values() for cause in one.answers.values()}
    for one in CAUSES:
        for symptom in one.symptoms:
            assert not one.cause or one.cause in {*table.symptoms[symptom].order, *answers}, (one.name, symptom)
