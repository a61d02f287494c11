"""Where a runbook works: its environment of its account, with what the files say, and what is there."""

from __future__ import annotations

from dialtone_nb.account.account import read_environment
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.infrastructure.desired import TRUNK_PASSWORD
from dialtone_nb.infrastructure.existing import Existing
from dialtone_nb.infrastructure.site import Site, make_bundle, own_server
from dialtone_nb.runbooks.steps.opening import Runbook

# A variable's value at Twilio.
VARIABLE_BYTES = 450


def open_site(runbook: Runbook, environment: str = "") -> Site:
    """The site of a runbook; an `InputError` with every fault of the dial plan, before anything is asked."""
    parameters = runbook.declared
    table = compile_table(parameters)
    account = runbook.account
    password = read_environment(runbook.project).get(TRUNK_PASSWORD, "")
    account.transport.keep_secret(password)
    if len(password.encode()) > VARIABLE_BYTES:
        raise InputError(
            Fault(TRUNK_PASSWORD, f"is longer than the {VARIABLE_BYTES} bytes that Twilio takes", "shorten it")
        )
    return Site(
        account,
        parameters,
        environment or runbook.environment,
        make_bundle(parameters, table),
        runbook.project,
        password,
        own_server(parameters, table, account, runbook.project),
        dict(runbook.parameters),
    )


def fetch_existing_things(runbook: Runbook) -> Existing:
    """What is there for the runbook's environment, before anything is planned; only reading."""
    return open_site(runbook).look()
