"""accepted.yaml: faults with their places, accepted checks, and entries without effect."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dialtone_nb.errors import ParametersError
from dialtone_nb.verify.accepted import Acceptance, accept, load_acceptances
from dialtone_nb.verify.checks import CheckState, good, unknown, wrong
from tests.verify.conftest import ROOT

TODAY = date(2026, 3, 2)
CHECKS = (
    good("Phone lobby", "credential of lobby", "there", ""),
    wrong("Phone van", "credential of van", "not there", "", "client_setup"),
    unknown("Phone garden", "last sign of life of garden", "none", ""),
)


def _write(folder: Path, text: str) -> Path:
    (folder / "accepted.yaml").write_text(text, encoding="utf-8")
    return folder


def test_no_file_accepts_nothing(tmp_path: Path) -> None:
    """The file is optional."""
    assert load_acceptances(tmp_path) == {}


def test_the_sample_accepts_nothing_and_its_example_can_be_used(tmp_path: Path) -> None:
    """Uncommented, its example is valid."""
    assert load_acceptances(ROOT / "parameters" / "sample") == {}
    text = (ROOT / "parameters" / "sample" / "accepted.yaml").read_text(encoding="utf-8")
    example = text[text.index("# last sign") :].replace("# ", "")
    ((name, one),) = load_acceptances(_write(tmp_path, example)).items()
    assert (name, one.until) == ("last sign of life of garden", date(2027, 3, 31))


def test_every_fault_is_told_with_its_line(tmp_path: Path) -> None:
    """No reason, no end, an invalid day, an unknown setting."""
    text = 'one:\n  reason: ""\n  until: soon\ntwo:\n  becauze: x\n'
    with pytest.raises(ParametersError) as caught:
        load_acceptances(_write(tmp_path, text))
    told = [str(fault) for fault in caught.value.faults]
    assert [line.split(": ")[0].partition("accepted.yaml")[2] for line in told] == [
        *(":2 one.reason", ":3 one.until"),
        *(":4 two.reason", ":4 two.until", ":5 two.becauze"),
    ]


@pytest.mark.parametrize("name", ["credential of van", "last sign of life of garden"])
def test_what_is_wrong_or_unknown_can_be_accepted(name: str) -> None:
    """Up to its last day inclusive."""
    accepted = accept(CHECKS, {name: Acceptance(reason="Known", until=TODAY)}, TODAY)
    (muted,) = [check for check in accepted.checks if check.state is CheckState.ACCEPTED]
    assert muted.name == name
    assert muted.found.endswith("(accepted until 2026-03-02: Known)")
    assert accepted.notes == ()


def test_an_entry_that_mutes_nothing_is_noted() -> None:
    """Its check is good, or unknown here: the entry can be removed, or its name is misspelt."""
    one = Acceptance(reason="Known", until=TODAY)
    accepted = accept(CHECKS, {"credential of lobby": one, "credential of vann": one}, TODAY)
    assert accepted.checks == CHECKS
    assert accepted.notes == (
        "accepted.yaml: 'credential of lobby' mutes nothing here",
        "accepted.yaml: 'credential of vann' mutes nothing here; did you mean 'credential of van'?",
    )
