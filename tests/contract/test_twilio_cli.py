"""Twilio's own CLI, unmodified: it creates, lists, changes and removes each resource of the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.contract.official import Official, TwilioCli, start_cli
from tests.rehearsal.doors import PASSWORD, Door, add_phone

DOMAINS = "api:core:sip:domains"
LISTS = "api:core:sip:credential-lists"
CREDENTIALS = f"{LISTS}:credentials"
NUMBERS = "api:core:incoming-phone-numbers"
CALLS = "api:core:calls"
ALERTS = "api:monitor:v1:alerts"
SERVICES = "api:serverless:v1:services"


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rehearsal, TwilioCli]]:
    """A rehearsal, and the CLI connected to it."""
    folder = tmp_path_factory.mktemp("cli")
    with (
        start_rehearsal(folder / "state.db", twilio="recorded") as rehearsal,
        TlsProxy(rehearsal.url, folder / "authority.pem") as tls,
        start_cli(Official(rehearsal, tls, folder)) as cli,
    ):
        yield rehearsal, cli


@pytest.fixture
def rehearsal(connected: tuple[Rehearsal, TwilioCli]) -> Rehearsal:
    """The rehearsal, with an empty account."""
    connected[0].wipe()
    return connected[0]


@pytest.fixture
def cli(rehearsal: Rehearsal, connected: tuple[Rehearsal, TwilioCli]) -> TwilioCli:
    """The CLI, connected to an empty account."""
    return connected[1]


def test_sip_domains_have_a_life(cli: TwilioCli, client: Client) -> None:
    """`create`, `list`, `fetch`, `update` and `remove` of a SIP domain; their output is what the account has."""
    (made,) = cli(DOMAINS, "create", domain_name="cli.sip.twilio.com", sip_registration="")
    assert (made["domainName"], made["sipRegistration"], made["authType"]) == ("cli.sip.twilio.com", True, "")
    assert cli(DOMAINS, "list") == cli(DOMAINS, "fetch", sid=made["sid"]) == [made]
    cli(DOMAINS, "update", sid=made["sid"], voice_url="https://example.com/voice", no_sip_registration="")
    changed = client.sip.domains(made["sid"]).fetch()
    assert (changed.voice_url, changed.sip_registration) == ("https://example.com/voice", False)
    assert cli(DOMAINS, "remove", sid=made["sid"]) == []
    assert client.sip.domains.list() == []


def test_credential_lists_and_credentials_have_a_life(cli: TwilioCli, client: Client) -> None:
    """A list and a credential are created, listed, changed and removed; no response has the password."""
    (phones,) = cli(LISTS, "create", friendly_name="phones")
    at = {"credential_list_sid": phones["sid"]}
    (lobby,) = cli(CREDENTIALS, "create", username="lobby", password=PASSWORD, **at)
    assert cli(CREDENTIALS, "list", **at) == [lobby]
    (changed,) = cli(CREDENTIALS, "update", sid=lobby["sid"], password=f"{PASSWORD}2", **at)
    assert (changed["username"], PASSWORD in str(changed)) == ("lobby", False)
    cli(CREDENTIALS, "remove", sid=lobby["sid"], **at)
    assert client.sip.credential_lists(phones["sid"]).credentials.list() == []
    cli(LISTS, "update", sid=phones["sid"], friendly_name="clinic phones")
    assert [one["friendlyName"] for one in cli(LISTS, "list")] == ["clinic phones"]
    cli(LISTS, "remove", sid=phones["sid"])
    assert client.sip.credential_lists.list() == []


@pytest.mark.parametrize("family", ["auth:calls", "auth:registrations"])
def test_both_auth_families_of_mappings_have_a_life(cli: TwilioCli, client: Client, family: str) -> None:
    """A credential list is mapped to a domain, listed by its own SID, and removed by it."""
    domain = client.sip.domains.create(domain_name="cli.sip.twilio.com").sid
    phones = client.sip.credential_lists.create("phones").sid
    topic = f"{DOMAINS}:{family}:credential-list-mappings"
    (made,) = cli(topic, "create", domain_sid=domain, credential_list_sid=phones)
    assert (made["sid"], made["friendlyName"]) == (phones, "phones")
    assert cli(topic, "list", domain_sid=domain) == [made]
    assert cli(topic, "fetch", domain_sid=domain, sid=phones) == [made]
    assert client.sip.domains(domain).fetch().auth_type == ("CREDENTIAL_LIST" if family == "auth:calls" else "")
    cli(topic, "remove", domain_sid=domain, sid=phones)
    assert cli(topic, "list", domain_sid=domain) == []


def test_numbers_are_searched_bought_pointed_and_released(cli: TwilioCli, client: Client) -> None:
    """A number is found, bought, configured with a URL by both of the CLI's ways, and released."""
    found = cli("api:core:available-phone-numbers:local", "list", country_code="US", area_code="503", limit="1")
    (bought,) = cli(NUMBERS, "create", phone_number=found[0]["phoneNumber"])
    cli(NUMBERS, "update", sid=bought["sid"], voice_url="https://example.com/one")
    assert client.incoming_phone_numbers(bought["sid"]).fetch().voice_url == "https://example.com/one"
    (pointed,) = cli("phone-numbers", "list", properties="sid,phoneNumber,voiceUrl")
    assert (pointed["phoneNumber"], pointed["voiceUrl"]) == (found[0]["phoneNumber"], "https://example.com/one")
    cli(NUMBERS, "remove", sid=bought["sid"])
    assert cli(NUMBERS, "list") == []


def test_calls_and_their_alerts_are_read(cli: TwilioCli, client: Client, door: Door) -> None:
    """A call without a handler is listed and fetched; its alert and notification name the same error."""
    add_phone(client, "van", "cli.sip.twilio.com", "https://nobody-1234.twil.io/voice")
    door.call(client="van", dial="5035550199")
    (call,) = cli(CALLS, "list", limit="5")
    assert cli(CALLS, "fetch", sid=call["sid"]) == [call]
    assert cli(CALLS, "list", status="queued") == []
    (alert,) = cli(ALERTS, "list", log_level="error")
    (fetched,) = cli(ALERTS, "fetch", sid=alert["sid"])
    assert fetched["resourceSid"] == call["sid"]
    (notification,) = cli(f"{CALLS}:notifications", "list", call_sid=call["sid"])
    assert notification["errorCode"] == alert["errorCode"] == fetched["errorCode"]
    assert len(cli(f"{CALLS}:events", "list", call_sid=call["sid"])) == 1


def test_a_service_is_listed_and_removed(cli: TwilioCli, client: Client) -> None:
    """`services:remove`, which is how users of the toolkit remove a service."""
    made = client.serverless.v1.services.create("phones", "Phones").sid
    client.serverless.v1.services(made).environments.create("stage", domain_suffix="stage")
    assert [one["uniqueName"] for one in cli(SERVICES, "list")] == ["phones"]
    (environment,) = cli(f"{SERVICES}:environments", "list", service_sid=made)
    assert environment["domainSuffix"] == "stage"
    cli(SERVICES, "remove", sid=made)
    assert client.serverless.v1.services.list() == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((f"{DOMAINS}:create", "--domain-name", "taken.sip.twilio.com"), 21232),
        ((f"{LISTS}:fetch", "--sid", "CL" + "0" * 32), 20404),
        (("api:core:notifications:list",), 20501),
    ],
)
def test_a_refusal_is_told_with_its_code(cli: TwilioCli, words: tuple[str, ...], code: int) -> None:
    """A conflict, a missing resource and an unmodelled operation are shown with their codes."""
    ended = cli.run(*words)
    assert ended.returncode != 0
    assert f"Error code {code} from Twilio" in ended.stderr
