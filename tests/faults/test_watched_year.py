"""Two months of the simulated years that `make faults` watches whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dialtone_nb.alarms.rules import Rules
from tests.faults.watched_year import (
    NOTICED_BY,
    Fault,
    Raised,
    Verdict,
    default_rules,
    judge_watch,
    missed,
    plant,
    simulate,
    table_of_year,
    watch_by_thresholds,
    watch_year,
)

DAYS = range(50, 110)


@pytest.fixture(scope="module")
def year() -> tuple[pd.DataFrame, list[Fault]]:
    """A year's calls, and its planted faults."""
    return simulate(5)


def test_the_rules_find_what_is_planted_and_fixed_thresholds_cry_wolf(year: tuple[pd.DataFrame, list[Fault]]) -> None:
    """Two months of a year: each fault is noticed while it lasts, with hardly any false alarm."""
    frame, faults = year
    ours = judge_watch(faults, watch_year(frame, default_rules(), days=DAYS, every=6))
    fixed = judge_watch(faults, watch_by_thresholds(frame, days=DAYS, every=6))
    inside = [one for one in faults if DAYS[0] <= one.day and one.day + one.days < DAYS[-1]]
    assert len(inside) >= 2
    assert [one for one in inside if ours.noticed[one] is None] == []
    assert len(ours.false) <= 1 < len(fixed.false)


def test_a_year_is_the_same_for_the_same_seed(year: tuple[pd.DataFrame, list[Fault]]) -> None:
    """Another seed gives another year."""
    (frame, faults), (again, same) = year, simulate(5)
    assert frame.equals(again)
    assert faults == same
    assert plant(np.random.default_rng(6)) != faults


def test_what_is_missed_and_what_is_false_is_amiss() -> None:
    """No alarm, the wrong phone, the wrong kind of rule, an alarm too late, and an alarm without a fault."""
    fault = Fault("dead phone", 100, 5, "lobby")
    for wrong in ([], [("silence", "clinic", 101)], [("burst", "lobby", 101)], [("silence", "lobby", 90)]):
        verdict = judge_watch([fault], [Raised(kind, subject, day * 24) for kind, subject, day in wrong])
        assert verdict.noticed == {fault: None}
        assert next(iter(missed([verdict]))).endswith("was missed")
    found = judge_watch([fault], [Raised("silence", "lobby", 102 * 24), *[Raised("loss", "van", 50 * 24)] * 30])
    assert (found.noticed[fault], len(found.false)) == (48, 30)
    assert "30 false alarms" in next(iter(missed([found])))
    assert "| dead phone | 1 | 1 | 0 | 48 h |" in table_of_year([found], [Verdict({}, (), 1)])


def test_every_planted_kind_can_be_noticed_by_a_default_rule() -> None:
    """Each kind of fault has a rule that can find it."""
    rules: Rules = default_rules()
    kinds = {rule.watches for rule in rules.rules.values()}
    assert all(noticed & kinds for noticed in NOTICED_BY.values())
