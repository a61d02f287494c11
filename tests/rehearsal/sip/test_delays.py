"""A call's delay before ringing, split into SIP, the webhook, and the decision."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from dialtone_nb.rehearsal.exchange.webhooks import function_time
from tests.rehearsal.sip.calls import refusal
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network

Handsets = Callable[..., Handset]


def test_a_call_is_told_where_its_wait_went(network: Network, handset: Handsets) -> None:
    """A function that takes 50 ms: they count as the decision, not as webhook or SIP."""
    caller = handset()
    refusal(caller, "708")
    delay = network.http.control("GET", "/delays")["delays"][-1]
    assert delay["decision_ms"] >= 50
    assert min(delay["sip_ms"], delay["webhook_ms"]) > 0
    assert delay["total_ms"] == pytest.approx(delay["sip_ms"] + delay["webhook_ms"] + delay["decision_ms"])
    reached = next(one for one in network.door.journal.entries(caller.user, DOMAIN) if one.step == "reached")
    told = r"\+15035550192 rings, \d+ ms after the INVITE: SIP [\d.]+, webhook [\d.]+, decision [\d.]+"
    assert re.fullmatch(told, reached.detail)


def test_a_call_that_rings_nowhere_has_no_delay(network: Network, handset: Handsets) -> None:
    """A rejected call has none."""
    before = len(network.door.progress.delays())
    refusal(handset(), "701")
    assert len(network.door.progress.delays()) == before


def test_the_events_of_a_real_call_tell_how_long_its_webhooks_took(network: Network, handset: Handsets) -> None:
    """Twilio's request_duration is in milliseconds; simulated calls have 0 there, to be repeatable."""
    refusal(handset(), "708")
    network.http.call(client="van", dial="708", talk=1)
    simulated, real = [one for one in network.client.calls.list() if one.direction == "inbound"][:2]
    assert network.client.calls(real.sid).events.list()[0].response["request_duration"] >= 50
    assert network.client.calls(simulated.sid).events.list()[0].response["request_duration"] == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("function;dur=12.5", 0.0125), ("cache;dur=3, function;dur=1", 0.001), ("", 0.0), ("x", 0.0)],
)
def test_a_functions_own_time_is_in_its_answer(header: str, seconds: float) -> None:
    """In Server-Timing, in milliseconds; our own server and other pages send none."""
    assert function_time(header) == seconds
