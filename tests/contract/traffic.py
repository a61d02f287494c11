"""The life of an account, through Twilio's own client for Python: everything that the rehearsal models, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from twilio.rest import Client

from tests.contract.placed_calls import place_calls
from tests.rehearsal.doors import PASSWORD, Door, deploy

FUNCTIONS = {
    "/sip-incoming": (
        "protected",
        """exports.handler = (context, event, callback) => {
             console.log("incoming");
             const answer = new Twilio.twiml.VoiceResponse();
             if (!event.DialCallStatus)
               answer.dial({ timeLimit: 60, action: "/sip-incoming" }).sip("sip:lobby@contract.sip.twilio.com");
             callback(null, answer);
           };""",
    ),
    "/shared": ("private", "exports.shared = 1;"),
}


@dataclass(frozen=True)
class KeyList:
    """The list of keys, adapted to be paged like others though it takes the account's SID."""

    list: Callable[..., Any]


def live(client: Client, door: Door) -> Iterator[Any]:
    """Do everything once; yield each list once it has at least two entries, to read its pages."""
    yield from _serverless(client, door)
    yield from _sip(client)
    yield from _numbers(client)
    yield from _calls(client, door)
    client.api.v2010.accounts(client.username).fetch()
    client.api.v2010.accounts.list(status="active")
    client.outgoing_caller_ids.list(phone_number="+15035550190", friendly_name="Robin")
    _what_there_is_none_of(client)
    yield from _secrets_and_fences(client, door)


def _secrets_and_fences(client: Client, door: Door) -> Iterator[Any]:
    """Keys, triggers and profiles; the auth token in use is rotated last."""
    account, keys = client.username, client.iam.v1
    allow = {"allow": ["/twilio/voice/calls/list"]}
    made = keys.new_api_key.create(account_sid=account, friendly_name="ci", key_type="restricted", policy=allow)
    assert keys.api_key(made.sid).fetch().policy == allow
    keys.api_key(made.sid).update(friendly_name="still ci", policy=allow)
    yield KeyList(partial(keys.get_api_keys.list, account_sid=account))
    keys.api_key(made.sid).delete()
    triggers = client.usage.triggers
    for name in ("daily", "monthly"):
        one = triggers.create(
            callback_url="https://hooks.example.org/spend",
            callback_method="POST",
            trigger_value="20",
            usage_category="totalprice",
            friendly_name=name,
            recurring=name,
            trigger_by="price",
        )
    triggers(one.sid).update(
        callback_url="https://hooks.example.org/more", callback_method="GET", friendly_name="a month"
    )
    yield triggers
    assert triggers(one.sid).fetch().recurring == "monthly"
    assert triggers(one.sid).delete()
    profiles = client.trusthub.v1.customer_profiles
    (profile,) = profiles.list(status="twilio-approved")
    profiles.list(friendly_name=profile.friendly_name, policy_sid=profile.policy_sid)
    assert profiles(profile.sid).delete()
    tokens = client.accounts.v1
    tokens.secondary_auth_token().create()
    assert tokens.secondary_auth_token().delete()
    # Good before it is promoted and afterwards, so that whatever is asked beside this goes by it.
    door.account = (account, str(tokens.secondary_auth_token().create().secondary_auth_token))
    promoted = tokens.auth_token_promotion().update()
    client.auth = (account, promoted.auth_token)


def _usage(client: Client) -> Iterator[Callable[..., Any]]:
    """Every list of usage records, with each of its filters."""
    records = client.usage.records
    lists = (records, records.all_time, records.daily, records.last_month, records.monthly, records.this_month)
    for one in (*lists, records.today, records.yearly, records.yesterday):
        assert len(one.list(category="calls", include_subaccounts=False)) >= 1
        assert one.list(category="calls", start_date=date(2026, 3, 2), end_date=date(2026, 3, 2), page_size=20)
        yield one


def _what_there_is_none_of(client: Client) -> None:
    assert client.balance.fetch().currency == "USD"
    assert [one.sid[:2] for one in client.keys.list()] == ["SK"]
    day = date(2026, 3, 2)
    for found in (
        client.applications.list(friendly_name="incoming"),
        client.authorized_connect_apps.list(),
        client.conferences.list(status="completed", friendly_name="room", date_created=day, date_updated_after=day),
        client.connect_apps.list(),
        client.messages.list(
            to="+15035550190", from_="+15035550191", date_sent_before=datetime(2026, 3, 2, tzinfo=UTC)
        ),
        client.short_codes.list(friendly_name="short", short_code="89"),
        client.transcriptions.list(),
        client.usage.triggers.list(recurring="daily", trigger_by="price", usage_category="calls"),
    ):
        assert found == []


def _serverless(client: Client, door: Door) -> Iterator[Callable[..., Any]]:
    deployed = deploy(client, door, FUNCTIONS)
    services = client.serverless.v1.services
    other = services.create(unique_name="other", friendly_name="Another", include_credentials=False, ui_editable=True)
    services(other.sid).update(friendly_name="Still another", include_credentials=True, ui_editable=False)
    yield services
    assert services(other.sid).fetch().unique_name == "other"
    assert services(other.sid).delete()
    service = services(deployed.service)
    spare = service.functions.create(friendly_name="/spare")
    service.functions(spare.sid).update(friendly_name="/kept")
    yield service.functions
    assert service.functions(spare.sid).fetch().friendly_name == "/kept"
    assert service.functions(spare.sid).delete()
    function = next(one for one in service.functions.list() if one.friendly_name == "/sip-incoming")
    code = FUNCTIONS["/sip-incoming"][1]
    door.upload(deployed.service, function.sid, "/sip-incoming", "protected", code)
    versions = service.functions(function.sid).function_versions
    yield versions
    version = versions(versions.list()[0].sid).fetch()
    assert versions(version.sid).function_version_content().fetch().content == code
    build = service.builds.create(
        function_versions=[version.sid], dependencies='[{"name": "lodash", "version": "4.17.21"}]', runtime="node22"
    )
    service.builds(build.sid).build_status().fetch()
    yield service.builds
    assert service.builds(build.sid).fetch().runtime == "node22"
    assert service.builds(build.sid).delete()
    yield from _assets(client, door, deployed.service)
    environment = service.environments.create(unique_name="prod", domain_suffix="prod")
    yield service.environments
    prod = service.environments(environment.sid)
    assert prod.fetch().build_sid is None
    first = prod.deployments.create(build_sid=deployed.build)
    prod.deployments.create(is_plugin=False)
    yield prod.deployments
    assert prod.deployments(first.sid).fetch().build_sid == deployed.build
    for key in ("TRUNK_PASSWORD", "TRUNK_USERNAME"):
        variable = prod.variables.create(key=key, value="1")
    prod.variables(variable.sid).update(key="TRUNK_USER", value="2")
    yield prod.variables
    assert prod.variables(variable.sid).fetch().value == "2"
    assert prod.variables(variable.sid).delete()
    assert prod.delete()


def _assets(client: Client, door: Door, service: str) -> Iterator[Callable[..., Any]]:
    assets = client.serverless.v1.services(service).assets
    made = [assets.create(friendly_name=name) for name in ("greeting", "spare")]
    yield assets
    assert assets(made[0].sid).update(friendly_name="/greeting.txt").friendly_name == "/greeting.txt"
    assert assets(made[1].sid).fetch().friendly_name == "spare"
    assert assets(made[1].sid).delete()
    for words in (b"Hello", b"Good evening"):
        door.upload_asset(service, made[0].sid, "/greeting.txt", "private", words)
    versions = assets(made[0].sid).asset_versions
    yield versions
    version = versions(versions.list()[0].sid).fetch()
    build = client.serverless.v1.services(service).builds.create(asset_versions=[version.sid], runtime="node22")
    assert [one["path"] for one in build.asset_versions] == ["/greeting.txt"]
    assert client.serverless.v1.services(service).builds(build.sid).delete()


def _sip(client: Client) -> Iterator[Callable[..., Any]]:
    domain = client.sip.domains.create(
        domain_name="contract.sip.twilio.com",
        friendly_name="Contract",
        voice_url="https://example.com/voice",
        voice_method="POST",
        voice_fallback_url="https://example.com/fallback",
        voice_fallback_method="GET",
        voice_status_callback_url="https://example.com/status",
        voice_status_callback_method="POST",
        sip_registration=True,
        emergency_calling_enabled=False,
        secure=False,
    )
    spare = client.sip.domains.create(domain_name="spare-contract.sip.twilio.com")
    client.sip.domains(spare.sid).update(friendly_name="Spare", voice_url="", secure=True)
    yield client.sip.domains
    assert client.sip.domains(spare.sid).fetch().secure
    assert client.sip.domains(spare.sid).delete()
    lists = [client.sip.credential_lists.create(friendly_name=name) for name in ("phones", "guests")]
    client.sip.credential_lists(lists[1].sid).update(friendly_name="visitors")
    yield client.sip.credential_lists
    assert client.sip.credential_lists(lists[1].sid).fetch().friendly_name == "visitors"
    credentials = client.sip.credential_lists(lists[0].sid).credentials
    for username in ("lobby", "van"):
        credential = credentials.create(username=username, password=PASSWORD)
    credentials(credential.sid).update(password=PASSWORD + "2")
    yield credentials
    assert credentials(credential.sid).fetch().username == "van"
    assert credentials(credential.sid).delete()
    auth = client.sip.domains(domain.sid).auth
    families = (
        auth.registrations.credential_list_mappings,
        client.sip.domains(domain.sid).credential_list_mappings,
        auth.calls.credential_list_mappings,
    )
    for family in families:
        for one in lists:
            family.create(credential_list_sid=one.sid)
        yield family
        assert family(lists[0].sid).fetch().sid == lists[0].sid
        assert family(lists[1].sid).delete()
        if family is families[1]:
            assert family(lists[0].sid).delete()
    assert client.sip.credential_lists(lists[1].sid).delete()
    yield from _ip_lists(client, domain.sid)


def _ip_lists(client: Client, domain: str) -> Iterator[Callable[..., Any]]:
    lists = [client.sip.ip_access_control_lists.create(friendly_name=name) for name in ("office", "home")]
    client.sip.ip_access_control_lists(lists[1].sid).update(friendly_name="cabin")
    yield client.sip.ip_access_control_lists
    assert client.sip.ip_access_control_lists(lists[1].sid).fetch().friendly_name == "cabin"
    addresses = client.sip.ip_access_control_lists(lists[0].sid).ip_addresses
    for number in (1, 2):
        address = addresses.create(friendly_name="desk", ip_address=f"198.51.100.{number}", cidr_prefix_length=32)
    addresses(address.sid).update(friendly_name="hall", ip_address="198.51.100.3", cidr_prefix_length=31)
    yield addresses
    assert addresses(address.sid).fetch().cidr_prefix_length == 31
    assert addresses(address.sid).delete()
    of_domain = client.sip.domains(domain)
    for family in (of_domain.ip_access_control_list_mappings, of_domain.auth.calls.ip_access_control_list_mappings):
        for one in lists:
            family.create(ip_access_control_list_sid=one.sid)
        yield family
        assert family(lists[0].sid).fetch().friendly_name == "office"
        assert all(family(one.sid).delete() for one in lists)
    assert client.sip.ip_access_control_lists(lists[1].sid).delete()


def _numbers(client: Client) -> Iterator[Callable[..., Any]]:
    found = client.available_phone_numbers("US").local.list(
        area_code=503, contains="555", voice_enabled=True, in_region="OR", beta=False, limit=2, page_size=2
    )
    elsewhere = client.available_phone_numbers("GB")
    for kind in ("mobile", "national", "voip", "shared_cost", "machine_to_machine"):
        assert getattr(elsewhere, kind).list() == []
    assert elsewhere.fetch().country == "United Kingdom"
    assert "GB" in [one.country_code for one in client.available_phone_numbers.list()]
    assert client.available_phone_numbers("CA").toll_free.list(area_code=800, contains="555") == []
    addresses = [
        client.addresses.create(
            customer_name="Robin Example",
            street=f"{number} Example Street",
            street_secondary="Floor 2",
            city="Portland",
            region="OR",
            postal_code="97205",
            iso_country="US",
            friendly_name=f"lobby {number}",
            emergency_enabled=True,
            auto_correct_address=True,
        )
        for number in (1, 2)
    ]
    client.addresses(addresses[1].sid).update(friendly_name="van", customer_name="Alex Example")
    yield client.addresses
    client.addresses.list(
        customer_name="Robin Example", friendly_name="lobby 1", iso_country="US", emergency_enabled=True
    )
    assert client.addresses(addresses[1].sid).fetch().friendly_name == "van"
    assert client.addresses(addresses[1].sid).delete()
    for one in found:
        number = client.incoming_phone_numbers.create(
            phone_number=one.phone_number, friendly_name="lobby", voice_method="POST", address_sid=addresses[0].sid
        )
    owned = client.incoming_phone_numbers
    owned(number.sid).update(
        friendly_name="van",
        voice_url="https://example.com/voice",
        voice_fallback_url="https://example.com/fallback",
        voice_fallback_method="POST",
        voice_caller_id_lookup=False,
        voice_receive_mode="voice",
        status_callback="https://example.com/status",
        status_callback_method="POST",
        sms_url="https://example.com/sms",
        sms_method="GET",
        emergency_address_sid=addresses[0].sid,
        emergency_status="Active",
    )
    yield owned
    owned.list(phone_number=one.phone_number, friendly_name="van", beta=False, origin="twilio")
    while owned(number.sid).fetch().emergency_address_status != "registered":
        pass
    yield client.addresses(addresses[0].sid).dependent_phone_numbers
    spare = client.incoming_phone_numbers.create(area_code="971")
    assert owned(spare.sid).delete()
    for country in client.pricing.v1.phone_numbers.countries.list()[:2]:
        client.pricing.v1.phone_numbers.countries(country.iso_country).fetch()
    yield client.pricing.v1.phone_numbers.countries
    permissions = client.voice.v1.dialing_permissions
    permissions.countries("MX").fetch()
    permissions.countries.list(
        iso_code="US", continent="NORTH_AMERICA", country_code="1", low_risk_numbers_enabled=True
    )
    yield permissions.countries
    yield permissions.countries("GB").highrisk_special_prefixes
    assert permissions.settings().fetch().dialing_permissions_inheritance
    assert permissions.settings().update(dialing_permissions_inheritance=False).url
    switches = ("low_risk_numbers_enabled", "high_risk_special_numbers_enabled", "high_risk_tollfraud_numbers_enabled")
    one_country = ", ".join(f'"{switch}": "false"' for switch in switches)
    permissions.bulk_country_updates.create(update_request=f'[{{"iso_code": "MX", {one_country}}}]')


def _calls(client: Client, door: Door) -> Iterator[Callable[..., Any]]:
    service = client.serverless.v1.services("phones")
    environment = next(one for one in service.environments.list() if one.unique_name == "stage")
    number = client.incoming_phone_numbers.list()[0]
    url = f"https://{environment.domain_name}/sip-incoming"
    client.incoming_phone_numbers(number.sid).update(voice_url=url, voice_method="POST")
    for caller in ("+15035550190", "+15035550191"):
        door.call(from_=caller, to=number.phone_number)
    domain = client.sip.domains.list()[0]
    client.sip.domains(domain.sid).update(voice_url=url)
    door.control("POST", "/clients/lobby", json={"registered": True})
    door.call(from_="+15035550192", to=number.phone_number)
    yield client.calls
    call = client.calls.list(to=number.phone_number, from_="+15035550190", status="completed", page_size=20)[0]
    assert client.calls(call.sid).fetch()._from == "+15035550190"
    client.calls.list(start_time_after=call.start_time, start_time_before=call.end_time, end_time=call.end_time)
    client.calls.list(parent_call_sid=call.sid)
    yield from _usage(client)
    yield client.calls(call.sid).events
    yield client.monitor.v1.alerts
    alert = client.monitor.v1.alerts.list(log_level="warning", start_date=call.start_time, end_date=call.end_time)[0]
    client.monitor.v1.alerts(alert.sid).fetch()
    about = client.calls(alert.resource_sid)
    day = alert.date_generated.date()
    assert len(about.notifications.list(message_date=day)) == 1
    assert about.notifications.list(message_date_before=day - timedelta(days=1)) == []
    assert len(about.notifications.list(message_date_after=day)) == 1
    assert about.notifications(about.notifications.list(log=1)[0].sid).fetch().error_code == alert.error_code
    logs = service.environments(environment.sid).logs
    yield logs
    log = logs.list(function_sid=logs.list()[0].function_sid, start_date=call.start_time)[0]
    logs(log.sid).fetch()
    yield from place_calls(client, str(number.phone_number), url)
