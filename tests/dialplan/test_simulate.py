"""The simulator that runbooks show."""

from __future__ import annotations

import pytest

from dialtone_nb.dialplan.compile import Table
from dialtone_nb.dialplan.decisions import DialPstn, DialTrunk, Refuse
from dialtone_nb.phones.simulate import simulate


def test_simulate(table: Table) -> None:
    """A dialled number comes back with the decision, the rule that took it and the TwiML."""
    simulation = simulate(table, "prod", "lobby", "5035550199")
    assert simulation.decision == DialPstn(
        rule="local",
        client="lobby",
        number="+15035550199",
        caller_id="+15035550103",
        time_limit_s=3600,
        ring_timeout_s=30,
    )
    assert simulation.rule == "local"
    assert "<Number>+15035550199</Number>" in simulation.twiml


def test_keys_that_need_escaping(table: Table) -> None:
    """The hash key is dialled like any other."""
    assert isinstance(simulate(table, "prod", "clinic", "#").decision, DialTrunk)


@pytest.mark.parametrize(
    ("environment", "client", "reason"),
    [("prod", "nobody", "unknown-client"), ("prod", "van", "unknown-client"), ("dev", "lobby", "unknown-client")],
)
def test_strangers(table: Table, environment: str, client: str, reason: str) -> None:
    """A phone or an environment that is not there gives a refusal, not an error."""
    decision = simulate(table, environment, client, "5035550199").decision
    assert isinstance(decision, Refuse)
    assert decision.reason == reason
