"""A rehearsal on which prod is deployed and one phone can call."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.account.account import Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.dialplan.compile import compile_table, table_module
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.rehearsal import start_rehearsal

PROJECT = Path(__file__).resolve().parents[2]
OUR_NUMBER = "+15035550103"


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    """The sample network."""
    return load_parameters(PROJECT / "parameters" / "sample")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, parameters: Parameters) -> Iterator[Account]:
    """A rehearsal on which prod is deployed and the lobby's phone can call."""
    with start_rehearsal(tmp_path_factory.mktemp("rehearsal") / "state.db") as rehearsal:
        credentials = AccountCredentials(rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token)
        transport = Transport(rehearsal.url)
        client = Client(rehearsal.account_sid, rehearsal.auth_token, http_client=transport)
        opened = Account("rehearsal", credentials, transport, client)
        voice = _deploy(opened, parameters)
        _connect(client, parameters, voice)
        yield opened
        transport.session.close()


def _deploy(account: Account, parameters: Parameters) -> str:
    """The address of the deployed functions."""
    services = account.client.serverless.v1.services
    service = services(services.create(unique_name="dialtone", friendly_name="dialtone", include_credentials=True).sid)
    environment = service.environments(service.environments.create(unique_name="prod", domain_suffix="prod").sid)
    sources = {path.name: path.read_text() for path in (PROJECT / "dialtone_nb/service/functions").glob("*.js")}
    sources["table.private.js"] = table_module(compile_table(parameters))
    versions = [_upload(account, service, name, source) for name, source in sources.items()]
    dependencies = '[{"name": "twilio", "version": "6.2.0"}]'
    build = service.builds.create(function_versions=versions, dependencies=dependencies, runtime="node22")
    for _ in range(20):
        if service.builds(build.sid).build_status().fetch().status == "completed":
            break
        account.wait(2)
    environment.deployments.create(build_sid=build.sid)
    return f"https://{environment.fetch().domain_name}"


def _upload(account: Account, service: Any, name: str, source: str) -> str:
    stem, visibility, _ = name.split(".")
    function = service.functions.create(friendly_name=f"/{stem}")
    uri = f"/v1/Services/{function.service_sid}/Functions/{function.sid}/Versions"
    uploaded = account.transport.send(
        "POST",
        f"https://serverless-upload.twilio.com{uri}",
        auth=(account.credentials.username, account.credentials.password),
        data={"Path": f"/{stem}", "Visibility": visibility},
        files={"Content": (name, source, "application/javascript")},
    )
    return str(uploaded.json()["sid"])


def _connect(client: Client, parameters: Parameters, voice: str) -> None:
    credentials = client.sip.credential_lists.create(friendly_name="phones")
    domain = client.sip.domains.create(
        domain_name=parameters.sip_domain_of("lobby"), voice_url=f"{voice}/sip-outgoing", sip_registration=True
    )
    for family in (client.sip.domains(domain.sid).auth.calls, client.sip.domains(domain.sid).auth.registrations):
        family.credential_list_mappings.create(credential_list_sid=credentials.sid)
    credentials.credentials.create(username="lobby", password="Not-a-secret-1234")
    client.incoming_phone_numbers.create(phone_number=OUR_NUMBER, voice_url=f"{voice}/sip-incoming")
