"""Stage in a good state on one rehearsal, restored before each test."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.account import account as accounts
from dialtone_nb.account.account import CONTROL, Account, AccountCredentials, open_account
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.infrastructure.apply_phases import apply_proposal
from dialtone_nb.infrastructure.site import Proposal, Site
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.runbooks.client_setup import propose_client
from dialtone_nb.runbooks.deploy import propose_deploy
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.service.bundle import read_bundle
from dialtone_nb.verify.accepted import Acceptance
from dialtone_nb.verify.checks import Check, Verification

ROOT = Path(__file__).parents[2]
TRUNK_PASSWORD = "Only-the-trunk-knows-1"
# Counts stay: a build that a test makes never has the SID of one that another test made.
RESTORED = ("things", "contents", "calls", "clock")


@dataclass(frozen=True)
class Stage:
    """Stage on the rehearsal as its operator sees it, with clients to change things elsewhere."""

    site: Site

    @property
    def client(self) -> Client:
        """Twilio's own client."""
        return self.site.account.client

    def verify(self, acceptances: dict[str, Acceptance] | None = None) -> Verification:
        """The result of a verification now."""
        return verify_site(self.site, acceptances)

    def faults(self) -> dict[str, Check]:
        """The names of the checks that are not good."""
        return {check.name: check for check in self.verify().checks if check.state != "good"}

    def tell(self, path: str, **body: Any) -> Any:
        """Send a request to the rehearsal's own API."""
        answer = self.site.account.transport.send("POST", f"{CONTROL}{path}", json=body)
        assert answer.ok, answer.text
        return answer.json()

    def carry_out(self, proposal: Proposal) -> None:
        """Apply a runbook's proposal."""
        applied = apply_proposal(proposal, "rehearsal", runbook="test", reports=self.site.project / "reports")
        assert applied.exit_code == 0, applied.summary

    def domain(self, *, emergency: bool = True) -> Any:
        """One of stage's SIP domains, as a twilio-python context."""
        name = self.site.parameters.network.sip_domain("stage", emergency=emergency)
        found = next(one for one in self.client.sip.domains.list() if one.domain_name == name)
        return self.client.sip.domains(found.sid)

    def number(self, name: str) -> Any:
        """A phone's number, as a twilio-python context."""
        wanted = self.site.parameters.clients[name].caller_id
        (found,) = self.client.incoming_phone_numbers.list(phone_number=wanted)
        return self.client.incoming_phone_numbers(found.sid)

    def credential_list(self, name: str = "dialtone-phones") -> Any:
        """A credential list, as a twilio-python context."""
        found = next(one for one in self.client.sip.credential_lists.list() if one.friendly_name == name)
        return self.client.sip.credential_lists(found.sid)

    def credential(self, name: str) -> Any:
        """A phone's credential, as a twilio-python context."""
        credentials = self.credential_list().credentials
        found = next(one for one in credentials.list() if one.username == name)
        return self.credential_list().credentials(found.sid)

    @property
    def environment(self) -> Any:
        """The environment, as a twilio-python context."""
        services = self.client.serverless.v1.services("dialtone")
        found = next(one for one in services.environments.list() if one.unique_name == "stage")
        return services.environments(found.sid)

    def without_token(self) -> Stage:
        """Stage as seen by an operator with an API key and no auth token."""
        account = self.site.account
        only_key = replace(account, credentials=replace(account.credentials, auth_token=""))
        return Stage(replace(self.site, account=only_key))


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A rehearsal shared by all tests here."""
    with start_rehearsal(tmp_path_factory.mktemp("rehearsal") / "state.db", lasting=False) as running:
        yield running


@pytest.fixture(scope="session")
def account(rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Its account, opened as runbooks open it."""
    project = tmp_path_factory.mktemp("project")
    state = (project / ".rehearsal" / "state.db").resolve()
    token = rehearsal.auth_token
    accounts._rehearsals[state] = (
        AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, token, token),
        rehearsal.url,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALTONE_REHEARSAL_STATE", str(state))
        opened = open_account("rehearsal", project)
    yield opened
    opened.transport.session.close()
    del accounts._rehearsals[state]


@pytest.fixture(scope="session")
def good_state(account: Account, rehearsal: Rehearsal, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Path]:
    """Stage complete, with both phones set up and signs of life, and a copy of that account."""
    parameters = load_parameters(ROOT / "parameters" / "sample")
    bundle = read_bundle(compile_table(parameters), parameters.network.service.runtime)
    project = tmp_path_factory.mktemp("stage")
    stage = Stage(Site(account, parameters, "stage", bundle, project, TRUNK_PASSWORD))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALTONE_REHEARSAL_STATE", str(project / "state.db"))
        stage.carry_out(propose_deploy(stage.site))
        for name, client in parameters.clients_in("stage").items():
            stage.carry_out(propose_client(stage.site, name, buy=client.caller_id))
            stage.tell("/calls", client=name, dial="5035550199", domain=parameters.sip_domain_of(name))
            if client.emergency_address:
                stage.tell("/calls", client=name, dial="933", domain=parameters.sip_domain_of(name))
    copy = tmp_path_factory.mktemp("copy") / "state.db"
    with sqlite3.connect(rehearsal.served.store.path, timeout=10) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    return stage, copy


@pytest.fixture
def stage(good_state: tuple[Stage, Path], rehearsal: Rehearsal) -> Stage:
    """Stage in its good state."""
    made, copy = good_state
    connection = sqlite3.connect(rehearsal.served.store.path, timeout=10, isolation_level=None)
    connection.execute("ATTACH ? AS good", (str(copy),))
    connection.execute("BEGIN IMMEDIATE")
    for table in RESTORED:
        connection.execute(f"DELETE FROM {table}")
        connection.execute(f"INSERT INTO {table} SELECT * FROM good.{table}")
    connection.execute("COMMIT")
    connection.close()
    return made
