"""SIP domains, credential lists, credentials and both kinds of mappings, with Twilio's own client."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.rehearsal.doors import PASSWORD, Door

NAME = "phones-stage.sip.twilio.com"


def refusal(run: Any) -> int:
    """The code of an error with status 400."""
    with pytest.raises(TwilioRestException) as raised:
        run()
    assert raised.value.status == 400
    return int(raised.value.code)


@pytest.fixture
def domain(client: Client) -> Any:
    """A SIP domain's context."""
    return client.sip.domains(client.sip.domains.create(NAME).sid)


@pytest.fixture
def phones(client: Client) -> Any:
    """An empty credential list's context."""
    return client.sip.credential_lists(client.sip.credential_lists.create("phones").sid)


def test_domain_starts_with_twilios_defaults(domain: Any) -> None:
    """A new domain uses POST, has registration and emergency calling off, and rejects every call."""
    made = domain.fetch()
    assert (made.voice_method, made.sip_registration, made.emergency_calling_enabled) == ("POST", False, False)
    assert (made.auth_type, made.secure, made.voice_url) == ("", False, None)
    assert made.subresource_uris["credential_list_mappings"].endswith(f"{made.sid}/CredentialListMappings.json")


@pytest.mark.parametrize(
    "options",
    [
        {"friendly_name": "x" * 65},
        {"voice_url": "/relative"},
        {"voice_url": "ftp://example.com"},
        {"voice_method": "PUT"},
        {"emergency_caller_sid": "PN" + "0" * 32},
        {"byoc_trunk_sid": "BY" + "0" * 32},
    ],
)
def test_domain_with_a_wrong_field_is_refused(client: Client, options: dict[str, Any]) -> None:
    """An invalid field, or a reference to an unknown resource, gives 21231."""
    assert refusal(lambda: client.sip.domains.create(NAME, **options)) == 21231


def test_domain_is_updated_and_cleared(domain: Any) -> None:
    """An empty value clears a URL; fields that are not sent stay."""
    domain.update(voice_url="https://example.com/x", sip_registration=True, emergency_calling_enabled=True)
    assert domain.fetch().voice_url == "https://example.com/x"
    assert domain.update(voice_url="").voice_url == ""
    assert domain.fetch().sip_registration is True


@pytest.mark.parametrize("username", ["x" * 33, "with space", "a@b", ""])
def test_wrong_username_is_refused(phones: Any, username: str) -> None:
    """A username that is too long or not valid in a SIP URI gives 21240."""
    assert refusal(lambda: phones.credentials.create(username, PASSWORD)) == 21240


def test_password_is_never_kept_in_clear(phones: Any, state: Path, door: Door) -> None:
    """Neither responses nor the state file have a password, on creation and update."""
    secret, later = "Correct7HorseBattery", "Another8HorseBattery"
    credential = phones.credentials.create("lobby", secret)
    phones.credentials(credential.sid).update(password=later)
    listed = door.classic("GET", f"/SIP/CredentialLists/{credential.credential_list_sid}/Credentials.json").text
    sqlite3.connect(state).execute("PRAGMA wal_checkpoint").connection.close()
    kept = b"".join(path.read_bytes() for path in state.parent.iterdir())
    for password in (secret, later):
        assert password not in listed
        assert password.encode() not in kept


def test_new_password_is_checked_like_the_first(phones: Any) -> None:
    """A weak new password is rejected, and the username can't be changed."""
    credential = phones.credentials(phones.credentials.create("lobby", PASSWORD).sid)
    assert refusal(lambda: credential.update(password="weak")) == 21243
    assert credential.fetch().username == "lobby"


def test_mapping_has_the_sid_of_its_list(domain: Any, phones: Any) -> None:
    """A mapping's SID is the credential list's, by which it is fetched and deleted."""
    mappings = domain.auth.calls.credential_list_mappings
    made = mappings.create(phones.fetch().sid)
    assert (made.sid, made.friendly_name) == (phones.fetch().sid, "phones")
    assert domain.fetch().auth_type == "CREDENTIAL_LIST"
    assert mappings(made.sid).delete()
    assert mappings.list() == []
    assert domain.fetch().auth_type == ""


def test_legacy_and_calls_mappings_are_one_store(domain: Any, phones: Any) -> None:
    """A mapping created under either path is visible under both; creating it twice gives 21231."""
    sid = phones.fetch().sid
    domain.auth.calls.credential_list_mappings.create(sid)
    assert [one.sid for one in domain.credential_list_mappings.list()] == [sid]
    assert refusal(lambda: domain.credential_list_mappings.create(sid)) == 21231
    assert refusal(lambda: domain.auth.calls.credential_list_mappings.create(sid)) == 21231
    assert domain.credential_list_mappings(sid).delete()
    assert domain.auth.calls.credential_list_mappings.list() == []


def test_registrations_are_mapped_apart(domain: Any, phones: Any) -> None:
    """A list can be mapped for both, and deleting one mapping leaves the other."""
    sid = phones.fetch().sid
    domain.auth.calls.credential_list_mappings.create(sid)
    domain.auth.registrations.credential_list_mappings.create(sid)
    domain.auth.calls.credential_list_mappings(sid).delete()
    assert [one.sid for one in domain.auth.registrations.credential_list_mappings.list()] == [sid]
