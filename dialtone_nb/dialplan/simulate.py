"""What would happen if a phone dialled this: for runbooks, with no call and no account."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.model import Decision, OutgoingCall
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import status_url, twiml_of


@dataclass(frozen=True, slots=True)
class Simulation:
    """A decision, the name of the rule that took it (empty where none did), and the TwiML that Twilio would get."""

    dialled: str
    decision: Decision
    rule: str
    twiml: str


def simulate(table: Table, environment: str, client: str, dialled: str) -> Simulation:
    """What becomes of a call that a phone dials; the trunk's password is not known here, and not shown."""
    entry = table.environments[environment].clients.get(client) if environment in table.environments else None
    domain = entry.domain if entry else "sip.invalid"
    decision = decide(table, OutgoingCall(environment, client, f"sip:{quote(dialled, safe='')}@{domain}"))
    url = status_url("https://example.invalid", "outgoing", decision.client)
    return Simulation(dialled, decision, decision.rule, twiml_of(decision, url))
