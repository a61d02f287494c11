"""The account from which each kept notebook starts: what must exist of the sample network before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from dialtone_nb.account.account import CONTROL, Account, open_account
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.apply import carry_out
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.opening import sample_folder
from dialtone_nb.runbooks.promote import propose_promote
from dialtone_nb.runbooks.test_calls import place_calls
from dialtone_nb.runbooks.workspace import Proposal, Site
from dialtone_nb.service.bundle import read_bundle

Prepare = Callable[[Path], None]
DAY_S = 86_400


def deployed(project: Path) -> None:
    """Stage is whole, no phone is set up."""
    _apply(propose_deploy(_site(project, "stage")))


def with_a_number(project: Path) -> None:
    """Stage is whole, and the account owns the number of the test phone."""
    deployed(project)
    site = _site(project, "stage")
    site.account.client.incoming_phone_numbers.create(phone_number=site.parameters.clients["workbench"].caller_id)


def with_phones(project: Path) -> None:
    """Stage is whole, with both of its phones set up."""
    deployed(project)
    site = _site(project, "stage")
    for name, client in site.parameters.clients_in("stage").items():
        _apply(propose_client(site, name, buy=client.caller_id))


def with_calls(project: Path) -> None:
    """Stage with both phones, and the test calls placed."""
    with_phones(project)
    site = _site(project, "stage")
    place_calls(site.account, site.parameters, "stage", client="workbench", unregistered="van")


def with_a_past(project: Path) -> None:
    """Calls of thirty days; stage was deployed after ten of them, and promoted to prod after twenty."""
    account = _account(project)
    account.wait(10 * DAY_S)
    deployed(project)
    account.wait(10 * DAY_S)
    _apply(propose_promote(_site(project, "prod"), "stage"))
    account.wait(10 * DAY_S - 3600)
    past = {"days": 30, "calls": 600}
    account.transport.send("POST", f"{CONTROL}/history", json=past).raise_for_status()


def _site(project: Path, environment: str) -> Site:
    parameters = load_parameters(sample_folder(project))
    bundle = read_bundle(compile_table(parameters), parameters.network.service.runtime)
    return Site(_account(project), parameters, environment, bundle, project)


def _account(project: Path) -> Account:
    return open_account("rehearsal", project)


def _apply(proposal: Proposal) -> None:
    carry_out(proposal, "rehearsal", runbook="prepare", reports=proposal.site.private.parent)


# By the notebook's name; one without a line here starts from an account in which nothing exists.
PREPARATIONS: Mapping[str, Prepare] = {
    "promote": deployed,
    "client_setup": with_a_number,
    "verify": with_phones,
    "test_calls": with_phones,
    "call_report": with_a_past,
    "monitor": with_calls,
    "explore": with_calls,
    "phones": with_calls,
    "delete": with_phones,
}
