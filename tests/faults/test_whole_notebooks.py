"""Whole runbooks that are broken off in the middle: run again they say who holds the environment, and go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.whole_notebooks import CASES, Break, break_off, table_of_breaks


@pytest.fixture(autouse=True)
def no_account_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this sets is put back."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", "")
    monkeypatch.setenv("DIALTONE_OPERATOR", "")


@pytest.mark.parametrize(
    ("case", "codes"), [(CASES[0], (1, 3, 0, 0)), (CASES[1], (4, 0, 0))], ids=["kernel killed", "Twilio out of order"]
)
def test_runbook_that_was_broken_off_goes_on_when_it_is_run_again(
    case: Break, codes: tuple[int, ...], tmp_path: Path
) -> None:
    """A dead kernel's claim is held, and told, until it is broken by name; what was left is done, and leaves no secret.

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
