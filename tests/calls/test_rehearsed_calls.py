"""Calls placed on the rehearsal, through the deployed functions, are reported as they happened."""

from typing import Any

import pytest

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.calls.load import CallData, load_calls
from dialtone_nb.calls.measures.rates import Rate, rate_of
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.parameters import Parameters

OUR_NUMBER = "+15035550103"
STRANGER = "+15035550177"


@pytest.fixture(scope="module")
def calls(account: Account, parameters: Parameters) -> CallData:
    """The report of seven calls whose outcomes are known."""

    def tell(path: str, **order: object) -> None:
        answer = account.transport.send("POST", f"{CONTROL}{path}", json=order)
        assert answer.ok, answer.text

    tell("/clients/lobby", registered=True)
    tell("/calls", client="lobby", dial="5035550199", talk=25)
    tell("/calls", client="lobby", dial="5035550199", busy=True)
    tell("/calls", client="lobby", dial="#")
    tell("/calls", client="lobby", dial="9005550199")
    tell("/calls", **{"from": STRANGER, "to": OUR_NUMBER})
    tell("/calls", **{"from": STRANGER, "to": OUR_NUMBER, "no_answer": True})
    tell("/clients/lobby", registered=False)
    tell("/calls", **{"from": STRANGER, "to": OUR_NUMBER})
    phones = {client.caller_id: Phone(name, client.environment) for name, client in parameters.clients.items()}
    return load_calls("twilio", account, service="dialtone", phones=phones, show_numbers=True)


def test_every_call_is_reported_as_it_went(calls: CallData) -> None:
    """Answered, busy, to the trunk, refused, rung, not answered, and to an unregistered phone, in order."""
    columns = ["direction", "other_party", "outcome", "reason"]
    assert calls.frame[columns].fillna("").values.tolist() == [
        ["outgoing", "+15035550199", "answered", ""],
        ["outgoing", "+15035550199", "busy", ""],
        ["outgoing", "menu@pbx.example.org", "answered", ""],
        ["outgoing", "9005550199", "refused", "premium-rate"],
        ["incoming", STRANGER, "answered", ""],
        ["incoming", STRANGER, "no_answer", ""],
        ["incoming", STRANGER, "unregistered", "32009"],
    ]
    assert set(calls.frame["client"]) == {"lobby"}
    assert set(calls.frame["environment"]) == {"prod"}
    assert calls.frame["duration_s"].tolist()[0] == 25


def test_the_rates_are_those_of_the_calls(calls: CallData) -> None:
    """Six were judged, three answered, five delivered; the refused one is in no rate."""
    tally = calls.tally()
    assert rate_of(tally, "answered") == Rate(3, 6)
    assert rate_of(tally, "delivered") == Rate(5, 6)
    assert calls.findings == ()


def test_a_day_without_calls_is_empty_and_asks_no_more(account: Account) -> None:
    """Days before the first call are empty, although windows overlap them."""
    data = load_calls("twilio", account, since="2026-02-27", until="2026-02-28", service="dialtone")
    assert data.frame.empty


def test_days_that_have_not_come_are_not_asked_for(
    account: Account, calls: CallData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report may be asked for until 2199; each day would be two requests to Twilio."""
    sent: list[str] = []
    send = account.transport.send

    def count_and_send(method: str, url: str, **given: Any) -> Any:
        sent.append(url)
        return send(method, url, **given)

    monkeypatch.setattr(account.transport, "send", count_and_send)
    data = load_calls("twilio", account, since="2026-03-01", until="2199-12-31", service="dialtone", show_numbers=True)
    assert len(data.frame) == len(calls.frame)
    assert len(sent) < 50
