"""Calls placed on the rehearsal, through the deployed functions, are reported as they went."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.account import CONTROL, Account, Credentials
from dialtone_nb.calls.load import CallData, Phone, load_calls
from dialtone_nb.calls.metrics import Rate, rate_of
from dialtone_nb.dialplan.compile import compile_table, table_module
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.transport import Transport

PROJECT = Path(__file__).resolve().parents[2]
OUR_NUMBER = "+15035550103"
STRANGER = "+15035550177"


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    """The sample network."""
    return load_parameters(PROJECT / "parameters")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, parameters: Parameters) -> Iterator[Account]:
    """A rehearsal on which prod is deployed and the lobby's phone can call."""
    with start_rehearsal(tmp_path_factory.mktemp("rehearsal") / "state.db") as rehearsal:
        credentials = Credentials(rehearsal.account_sid, rehearsal.account_sid, rehearsal.auth_token)
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


@pytest.fixture(scope="module")
def calls(account: Account, parameters: Parameters) -> CallData:
    """What is reported of seven calls whose course is known."""

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
    """Answered, busy, to the trunk, refused, rung, not picked up, and to a phone that was not there; in their order."""
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
    """Days before the first call hold none, whatever the windows bring along."""
    data = load_calls("twilio", account, since="2026-02-27", until="2026-02-28", service="dialtone")
    assert data.frame.empty
