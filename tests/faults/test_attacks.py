"""The table of attacks: the tests that it names exist."""

from __future__ import annotations

from tests.faults.attacks import ATTACKS, CONSENT, Attack, amiss, run_attacks, table_of_attacks
from tests.faults.suites import Held
from tests.infrastructure.desk import ROOT

HELD = Attack("two sets of fields", "alike", (f"{CONSENT}::test_no_two_sets_of_fields_are_written_alike",))


def test_every_attack_is_held_by_tests_that_are_there() -> None:
    """Each file has the function that is named."""
    for name in [one for attack in ATTACKS for one in attack.held_by]:
        path, _, function = name.partition("::")
        source = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert f"def {function or 'test_'}" in source, name
        assert not function or f"def {function}(" in source, name


def test_attacks_are_told_apart_by_the_tests_that_hold_them() -> None:
    """Each test is run once for all attacks; an attack without a test is a problem."""
    held = run_attacks([HELD])
    assert held[0].tests >= 1
    assert amiss(held) == []
    assert table_of_attacks(held, [HELD]).endswith(f"| two sets of fields | alike | {held[0].tests} | 0 |")
    assert amiss([Held("something new", 0, ()), Held("something old", 2, ("a.test",))]) == ["something new", "a.test"]
