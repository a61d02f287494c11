"""Whole runbooks that are interrupted: run again they name the holder of the environment, and continue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.whole_notebooks import CASES, Break, break_off, table_of_breaks


@pytest.fixture(autouse=True)
def no_account_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the environment after the test."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", "")
    monkeypatch.setenv("DIALTONE_OPERATOR", "")


@pytest.mark.parametrize(
    ("case", "codes"), [(CASES[0], (1, 3, 0, 0)), (CASES[1], (4, 0, 0))], ids=["kernel killed", "Twilio out of order"]
)
def test_runbook_that_was_broken_off_goes_on_when_it_is_run_again(
    case: Break, codes: tuple[int, ...], tmp_path: Path
) -> None:
    """A dead kernel's claim holds until broken by name; the remaining changes are made, and no secret is left.

    The other cases are for `make faults`.
    """
    verdict = break_off(case, tmp_path / "account")
    assert verdict.is_good, verdict.said
    assert verdict.codes == codes
    assert verdict.files > 10
    if codes[0] == 1:
        assert "the kernel died" in verdict.said[0]
        assert "set break_claim to 'ada@switchroom'" in verdict.said[1]
    assert f"| {', '.join(map(str, codes))} | 0 |" in table_of_breaks([verdict])
