"""What happens if a phone dials: the answer of the dial plan that is live, before anybody picks up a receiver."""

from __future__ import annotations

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import Table
from dialtone_nb.display.dialling import Dialling
from dialtone_nb.display.widgets.dialling_box import DiallingBox
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.resources.live_table import fetch_live_table, read_serving_table
from dialtone_nb.parameters.yaml_files import suggest
from dialtone_nb.phones.what_if import KeypadResult, ask_dial_plan, usual_strings
from dialtone_nb.runbooks.opening import Runbook
from dialtone_nb.runbooks.workspace import own_server


def ask_what_if(runbook: Runbook, client: str, *dialled: str) -> Dialling | DiallingBox:
    """What happens for each string that the phone dials; in JupyterLab with a field to try others, and other phones.

    Where no string is given, one of each kind of call is tried. The table that is live in the phone's environment
    answers; where nothing is live yet, the one of the files.
    """
    declared = runbook.declared.clients
    if client not in declared:
        raise InputError(Fault(f"client {client}", "is no phone in clients.yaml", suggest(client, list(declared))))
    tables: dict[str, tuple[Table, str]] = {}

    def ask(name: str, keys: str) -> KeypadResult:
        table, _ = _table_for(runbook, declared[name].environment, tables)
        return ask_dial_plan(runbook.declared, table, name, keys)

    table, asked = _table_for(runbook, declared[client].environment, tables)
    answers = tuple(ask(client, keys) for keys in dialled or usual_strings(runbook.declared, table, client).values())
    dialling = Dialling(client, asked, answers)
    return DiallingBox(dialling, list(declared), ask) if runbook.attended else dialling


def _table_for(runbook: Runbook, environment: str, known: dict[str, tuple[Table, str]]) -> tuple[Table, str]:
    """The table that answers in an environment and what it is called; looked for once."""
    if environment not in known:
        files = compile_table(runbook.declared)
        live = _live_table(runbook, environment, files)
        known[environment] = (
            (live, f"the dial plan that is live in {environment}")
            if live
            else (files, f"the files: nothing is live in {environment}")
        )
    return known[environment]


def _live_table(runbook: Runbook, environment: str, files: Table) -> Table | None:
    network = runbook.declared.network
    server = own_server(runbook.declared, files, runbook.account, runbook.project)
    if network.self_hosted and server:
        return read_serving_table(server.folder, environment)
    live = fetch_live_table(runbook.account, network.service.name, environment)
    return live.table if live else None
