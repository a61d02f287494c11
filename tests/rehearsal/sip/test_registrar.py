"""Registration: who may register, for how long, and the responses and alerts for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.exchange.sip_registrations import list_phones
from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
from dialtone_nb.rehearsal.sip.location_service import MOST_BINDINGS
from tests.rehearsal.doors import add_phone, client_of
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN, OTHER_DOMAIN, SHUT_DOMAIN
from tests.rehearsal.sip.network import Network, until


def patiently(handset: Handset, expires: int = 600, **headers: str) -> int:
    """The response to a registration, repeated if it exceeds the user's rate limit."""
    return int(until(lambda: (status := handset.register(expires, **headers).status_code) != 503 and status))


Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_real_phone_registers_and_is_seen_until_it_is_switched_off(
    network: Network, phone: Phones, transport: str
) -> None:
    """Over UDP and TCP: baresip is registered at its domain, with the expiry that it requested."""
    van = phone("van", transport=transport)
    seen = next(one for one in network.registrations() if one["client"] == "van")
    assert (seen["domain"], seen["transport"]) == (DOMAIN, transport.upper())
    assert 590 <= seen["expires_in_s"] <= 600
    assert seen["user_agent"].startswith("baresip")
    assert {"client": "van", "domain": DOMAIN, "registered": True} in network.http.control("GET", "/clients")["clients"]
    van.close()
    until(lambda: all(one["client"] != "van" for one in network.registrations()))
    assert network.steps("van")[-2:] == ["registered", "unregistered"]


def test_a_phone_that_only_knows_this_machine_belongs_to_the_one_domain_that_knows_it(
    network: Network, phone: Phones
) -> None:
    """Without an outbound proxy the registrar is this machine's address; only one domain knows `van`."""
    phone("van", by_outbound=False)
    assert [one["domain"] for one in network.registrations() if one["client"] == "van"] == [DOMAIN]


def test_a_phone_that_several_domains_know_is_told_which_to_name(handset: Handsets, network: Network) -> None:
    """The response says what to configure in the phone."""
    refused = handset("lobby", domain=f"127.0.0.1:{network.address[1]}").register()
    assert refused.status_code == 404
    assert f"{DOMAIN} or {OTHER_DOMAIN}" in refused.reason_phrase
    assert "outbound proxy" in refused.reason_phrase


def test_the_challenge_is_twilios(handset: Handsets) -> None:
    """407, the realm sip.twilio.com, MD5, qop auth."""
    anybody = handset()
    challenged = anybody.ask(anybody.request("REGISTER", f"sip:{DOMAIN}"))
    assert challenged.status_code == 407
    challenge = challenged.get_header("Proxy-Authenticate") or ""
    assert 'realm="sip.twilio.com"' in challenge
    assert 'qop="auth"' in challenge
    assert "MD5" in challenge


@pytest.mark.parametrize(("asked", "given"), [(60, 600), (599, 600), (1800, 1800), (7200, 3600), (10**12, 3600)])
def test_an_expiry_is_moved_into_twilios_limits(handset: Handsets, asked: int, given: int) -> None:
    """600 s at the least, 3,600 at the most."""
    library = handset()
    assert patiently(library, asked) == 200
    listed = library.register(Contact="").headers.get("Contact")
    assert f"<sip:{library.user}@127.0.0.1:{library.port};transport=udp>;expires={given}" in listed
    assert patiently(library, 0) == 200


def test_a_wrong_password_is_refused_with_a_warning(handset: Handsets, network: Network) -> None:
    """403 and 32212; the journal has the reason."""
    assert handset("clinic", password="Wrongpassword1").register().status_code == 403
    assert any("clinic" in text for text in network.alerts(32212))
    assert network.steps("clinic")[-1] == "refused"
    assert not [one for one in network.registrations() if one["client"] == "clinic"]


def test_a_stranger_hears_the_same_as_somebody_with_a_wrong_password(handset: Handsets) -> None:
    """Responses do not reveal which user names exist."""
    known = handset("lobby", password="Wrongpassword1").register()
    unknown = handset("nobody", password="Wrongpassword1").register()
    assert (known.status_code, known.reason_phrase) == (unknown.status_code, unknown.reason_phrase)


def test_nobody_registers_as_somebody_else(handset: Handsets, network: Network) -> None:
    """van's password does not let it register as lobby: 32106."""
    assert handset("lobby", auth="van").register().status_code == 403
    assert network.alerts(32106)
    assert not [one for one in network.registrations() if one["client"] == "lobby"]


def test_a_domain_without_registration_takes_none(handset: Handsets, network: Network) -> None:
    """32210, whatever the password."""
    assert handset("lobby", domain=SHUT_DOMAIN).register().status_code == 403
    assert network.alerts(32210)


def test_a_domain_without_a_registrations_mapping_takes_none(handset: Handsets, network: Network) -> None:
    """32212; a mapping for calls does not allow registration."""
    mappings = network.client.sip.domains(network.domains[OTHER_DOMAIN]).auth.registrations.credential_list_mappings
    listed = network.lists[OTHER_DOMAIN]
    mappings(listed).delete()
    assert handset("lobby", domain=OTHER_DOMAIN).register().status_code == 403
    mappings.create(listed)
    assert handset("lobby", domain=OTHER_DOMAIN).register().status_code == 200


def test_a_domain_that_nobody_has_is_not_found(handset: Handsets) -> None:
    """404, with the unknown name."""
    refused = handset(domain="nobody.sip.twilio.com").register()
    assert (refused.status_code, "nobody.sip.twilio.com" in refused.reason_phrase) == (404, True)


def test_ten_phones_may_be_one_user_and_an_eleventh_may_not(handset: Handsets, network: Network) -> None:
    """32007; the ten stay."""
    user = network.add_user()
    answers = [patiently(handset(user)) for _ in range(MOST_BINDINGS + 1)]
    assert answers == [200] * MOST_BINDINGS + [403]
    assert network.alerts(32007)
    assert len([one for one in network.registrations() if one["client"] == user]) == MOST_BINDINGS


def test_more_than_five_registrations_a_second_are_too_many(handset: Handsets, network: Network) -> None:
    """32008, with Retry-After."""
    hasty = handset()
    answers = [hasty.register() for _ in range(8)]
    slowed = [one for one in answers if one.status_code == 503]
    assert slowed
    assert slowed[0].get_header("Retry-After")
    assert network.alerts(32008)


def test_an_older_registration_that_comes_late_changes_nothing(handset: Handsets) -> None:
    """CSeq orders a phone's requests (RFC 3261, 10.3)."""
    van = handset()
    assert van.register().status_code == 200
    van.cseq -= 3
    assert van.register().status_code == 500


def test_credentials_that_were_overheard_are_good_for_nothing(handset: Handsets, network: Network) -> None:
    """The same credentials from another phone get a challenge with stale=true."""
    van = handset()
    assert van.register().status_code == 200
    thief = handset(van.user)
    stolen = thief.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{van.user}@{DOMAIN}>", Expires="600")
    stolen.headers.set_single("Proxy-Authorization", van.sent.get_header("Proxy-Authorization") or "")
    refused = thief.ask(stolen)
    assert refused.status_code == 407
    assert "stale=true" in (refused.get_header("Proxy-Authenticate") or "")
    assert len([one for one in network.registrations() if one["client"] == van.user]) == 1


def test_a_request_that_comes_twice_is_answered_alike(handset: Handsets) -> None:
    """A retransmitted REGISTER gets the same 200."""
    van = handset()
    first = van.register()
    assert bytes(van.ask(van.sent)) == bytes(first)


def test_a_phone_can_ask_where_it_is_registered_and_leave_everywhere(handset: Handsets, network: Network) -> None:
    """REGISTER without Contact lists; Contact: * with Expires: 0 clears."""
    van = handset()
    van.register()
    assert f"127.0.0.1:{van.port}" in (van.register(Contact="").get_header("Contact") or "")
    assert van.register(0, Contact="*").get_header("Contact") is None
    assert not [one for one in network.registrations() if one["client"] == van.user]


@pytest.mark.parametrize(
    "contact", ["*", "<tel:5035550199>", "<sip:>", "<sip:van@127.0.0.1>;expires=soon", "<sip:" + "v" * 2000 + "@h>"]
)
def test_a_contact_that_nobody_could_call_is_refused(handset: Handsets, contact: str) -> None:
    """400; a star requires Expires: 0."""
    assert handset().register(Contact=contact).status_code == 400


def test_a_registration_that_is_not_refreshed_is_lost(tmp_path: Path) -> None:
    """The journal says so, and calls find the phone unregistered; the test moves the clock."""
    time = [0.0]
    with start_rehearsal(tmp_path / "state.db") as rehearsal:
        client = client_of(rehearsal)
        add_phone(client, "clinic", DOMAIN)
        door = SipEndpoint(rehearsal.served.store, rehearsal.served.exchange, port=0, now=lambda: time[0])
        with Handset((door.host, door.port), "clinic") as clinic:
            assert clinic.register().status_code == 200
            time[0] = 599.0
            assert door.progress.registrations()
            time[0] = 601.0
            until(lambda: [one.step for one in door.journal.entries("clinic", DOMAIN)][-1] == "lost")
            assert door.progress.registrations() == []
            assert not list_phones(rehearsal.served.store)[0]["registered"]
            # Its old challenge is too old as well: it is asked anew, and told that its password was right.
            used = clinic.sent.get_header("Proxy-Authorization") or ""
            late = clinic.ask(clinic.request("REGISTER", f"sip:{DOMAIN}", Proxy_Authorization=used))
            assert "stale=true" in (late.get_header("Proxy-Authenticate") or "")
        door.close()
        client.http_client.session.close()
