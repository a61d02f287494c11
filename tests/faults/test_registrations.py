"""Two days of phones that log: their reported state is the true one, as far as can be known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dialtone_nb.alarms.prometheus import prometheus_rules
from dialtone_nb.phones.registrations.intervals import Known
from tests.alarms.test_prometheus import DECLARED, DEFAULTS
from tests.faults.registrations import (
    WAITS,
    Month,
    alarms_of,
    compare,
    run_month,
    table_of_alarms,
    table_of_faults,
    table_of_time,
    wrong_for_too_long,
)


@pytest.fixture(scope="module")
def month() -> Iterator[Month]:
    """The short simulation."""
    yield run_month(days=2)


def test_nothing_wrong_is_said_for_longer_than_a_registration_holds(month: Month) -> None:
    """A lost phone is not reported on for longer than that, nor a registered one off."""
    assert wrong_for_too_long(month) == []


def test_most_of_the_time_is_known_and_little_of_it_wrongly(month: Month) -> None:
    """Phones that are off are not reported on for long."""
    seconds = compare(month)
    total = sum(seconds.values())
    assert total == pytest.approx(len(month.truth) * 2 * 24 * 3600)
    assert seconds[True, Known.ON] > 0.95 * sum(seconds[True, known] for known in Known)
    assert seconds[True, Known.OFF] < 0.01 * total
    assert seconds[False, Known.ON] < 0.03 * total


def test_the_tables_have_a_row_for_each_fault(month: Month) -> None:
    """And one for on and one for off."""
    assert len(month.faults) >= 5
    assert len(table_of_faults(month).splitlines()) == 2 + 5
    assert len(table_of_time(month).splitlines()) == 2 + 2


def test_the_rule_for_prometheus_cries_for_phones_that_are_off_alone(month: Month) -> None:
    """It waits as long as watch's rule, and never fires for a registered phone."""
    alarms = alarms_of(month)
    assert alarms
    assert [one for one in alarms if not one.is_right] == []
    assert table_of_alarms(month).splitlines()[-1] == "| nothing: the phone was there | 0 | 0 |  |"
    (rule,) = (one for one in prometheus_rules(DEFAULTS, DECLARED).split("- alert:") if "phone_registered == 0" in one)
    assert f"for: {WAITS.seconds // 60}m" in rule
