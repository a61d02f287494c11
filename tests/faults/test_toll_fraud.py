"""A sample of the generated calls of which `make faults` tries many thousands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import DialPstn, OutgoingCall
from dialtone_nb.parameters import load_parameters
from tests.faults.toll_fraud import SAMPLE, faults_of, table_of_dialling, try_dialling

CALLS = 20_000


def test_no_generated_call_goes_where_it_must_not() -> None:
    """Of tens of thousands of calls a good part is dialled, and none wrongly."""
    tried = try_dialling(CALLS)
    assert tried.wrong == []
    assert tried.calls == CALLS
    assert all(tried.outcomes[kind] > CALLS / 200 for kind in ("refuse", "dial-pstn", "dial-trunk", "dial-emergency"))
    assert table_of_dialling(tried).endswith("| 0 |")


@pytest.mark.parametrize(
    ("number", "caller_id"),
    [
        ("+19005550199", ""),
        ("+15039765555", ""),
        ("+442079460123", ""),
        ("+1٩005550199", ""),
        ("+15035550199", "+12065550142"),
    ],
)
def test_a_wrong_decision_would_be_found(number: str, caller_id: str) -> None:
    """faults_of finds each kind of error."""
    parameters = load_parameters(SAMPLE)
    call = OutgoingCall("prod", "lobby", "sip:5035550199@x")
    good = decide(compile_table(parameters), call)
    assert isinstance(good, DialPstn)
    assert list(faults_of(parameters, call, good)) == []
    assert list(faults_of(parameters, call, replace(good, number=number, caller_id=caller_id or good.caller_id)))
