"""What happens if a phone dials: the dial plan's answer, before anybody picks up a receiver."""

from __future__ import annotations

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.model import Decision, DialEmergency, DialPstn, DialTrunk, Refuse, RingClient
from dialtone_nb.dialplan.simulate import simulate
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.report.tables import Table
from dialtone_nb.runbook import Runbook
from dialtone_nb.yaml_models import suggest


def tabulate_dialling(runbook: Runbook, client: str, *dialled: str) -> Table:
    """One row a dialled string: what the service does, by which rule, and what the caller hears where it refuses."""
    declared = runbook.declared.clients
    if client not in declared:
        raise InputError(Fault(f"client {client}", "is no phone in clients.yaml", suggest(client, list(declared))))
    table = compile_table(runbook.declared)
    rows = []
    for one in dialled:
        simulation = simulate(table, declared[client].environment, client, one)
        heard = simulation.decision.message if isinstance(simulation.decision, Refuse) else ""
        rows.append((one, told(simulation.decision), simulation.rule, heard))
    return Table.of(("dialled", "what happens", "rule", "what the caller hears"), rows)


def told(decision: Decision) -> str:
    """A decision in a few words."""
    match decision:
        case DialPstn() | DialEmergency():
            kind = "emergency call" if isinstance(decision, DialEmergency) else "call"
            return f"{kind} to {decision.number}, as {decision.caller_id}, {decision.time_limit_s // 60} min at most"
        case DialTrunk():
            return f"call to our own server, {decision.uri}"
        case RingClient():
            return f"rings {decision.client}"
        case Refuse():
            return f"refused: {decision.reason}"
