"""Which calls are admitted and rejected, and the parameters of the voice URL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.calls import hang_up, lifted, refusal
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import CALLER_ID, DOMAIN, OTHER_DOMAIN
from tests.rehearsal.sip.network import Network
from tests.rehearsal.sip.sound import hear

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


def test_a_wrong_password_does_not_call(network: Network, handset: Handsets) -> None:
    """403 and 32202; no record, no webhook."""
    before = len(network.calls())
    assert refusal(handset("lobby", password="Wrongpassword1"), "700") == 403
    assert network.alerts(32202)
    assert len(network.calls()) == before


def test_a_domain_that_maps_no_list_for_calls_takes_none(network: Network, handset: Handsets) -> None:
    """A mapping for registrations does not allow calls."""
    mappings = network.client.sip.domains(network.domains[OTHER_DOMAIN]).auth.calls.credential_list_mappings
    mappings(network.lists[OTHER_DOMAIN]).delete()
    assert refusal(handset("lobby", domain=OTHER_DOMAIN), "700") == 403
    mappings.create(network.lists[OTHER_DOMAIN])


def test_a_call_to_the_domain_itself_is_a_loop(network: Network, handset: Handsets) -> None:
    """A URI without a user: 32223."""
    assert refusal(handset(), f"sip:{DOMAIN}") == 404
    assert network.alerts(32223)


def test_a_call_that_has_gone_round_too_often_is_ended(handset: Handsets) -> None:
    """Max-Forwards is 0: 483."""
    caller = handset()
    assert caller.ask(caller.request("INVITE", f"sip:700@{DOMAIN}", Max_Forwards="0")).status_code == 483


def test_the_voice_url_is_told_what_twilio_tells_it(network: Network, handset: Handsets) -> None:
    """From is the phone's own claim, without the authenticated user; X- headers are passed on, others are not."""
    caller = handset()
    liar = f"<sip:lobby@{DOMAIN}>;tag={caller.tag}"
    where = lifted(caller, "704", From=liar, X_Test="a b", User_to_User="00abc", Subject="no")
    assert where
    call = network.client.calls.list(limit=1)[0]
    told = network.client.calls(call.sid).events.list()[0].request["parameters"]
    assert "SipUsername" not in told
    assert told["From"] == f"sip:lobby@{DOMAIN}"
    assert told["To"] == f"sip:704@{DOMAIN}"
    assert (told["SipDomain"], told["SipSourceIp"], told["SipCallId"]) == (DOMAIN, "127.0.0.1", caller.call_id)
    assert told["SipHeader_X-Test"] == "a b"
    assert told["SipHeader_User-to-User"] == "00abc"
    assert not any("Subject" in name for name in told)
    hang_up(caller)


def test_a_phone_may_name_its_domain_at_any_edge(network: Network, handset: Handsets) -> None:
    """It registers and calls at a localised domain, which the webhook gets."""
    edge = DOMAIN.replace(".sip.", ".sip.frankfurt.")
    caller = handset(domain=edge)
    assert caller.register().status_code == 200
    assert refusal(caller, "700") != 404
    call = network.client.calls.list(limit=1)[0]
    told = network.client.calls(call.sid).events.list()[0].request["parameters"]
    assert (told["From"], told["SipDomain"]) == (f"sip:{caller.user}@{edge}", DOMAIN)


def test_a_phone_that_knows_this_machine_alone_calls_from_its_domain(network: Network, handset: Handsets) -> None:
    """For this machine's address the webhook gets the domain, by which the service knows its phones."""
    caller = handset(domain="127.0.0.1")
    refusal(caller, "700")
    call = network.client.calls.list(limit=1)[0]
    told = network.client.calls(call.sid).events.list()[0].request["parameters"]
    assert told["From"] == f"sip:{caller.user}@{DOMAIN}"


def test_a_stranger_can_not_hang_up_on_others(handset: Handsets) -> None:
    """A BYE with the right Call-ID and the wrong tag gets 481, and the call continues."""
    caller, stranger = handset(), handset()
    lifted(caller, "5035550190")
    stranger.call_id = caller.call_id
    to = caller.answered.get_header("To") or ""
    assert stranger.ask(stranger.request("BYE", f"sip:704@{DOMAIN}", to=to)).status_code == 481
    hear(caller.rtp, 5)
    hang_up(caller)


def test_who_calls_from_elsewhere_is_not_even_asked_for_a_password(network: Network, handset: Handsets) -> None:
    """403 before any challenge, with Twilio's code in a header, and 32201; a listed address is challenged."""
    lists = network.client.sip.ip_access_control_lists
    listed = lists.create("elsewhere")
    lists(listed.sid).ip_addresses.create("far", "203.0.113.10")
    mappings = network.client.sip.domains(network.domains[OTHER_DOMAIN]).auth.calls.ip_access_control_list_mappings
    mappings.create(listed.sid)
    caller = handset("lobby", domain=OTHER_DOMAIN)
    invite = caller.request("INVITE", f"sip:700@{OTHER_DOMAIN}")
    refused = caller.ask(invite)
    caller.acknowledge(refused, invite)
    said = "32201 Authentication failure - source IP Address not in ACL"
    assert (refused.status_code, refused.get_header("X-Twilio-Error")) == (403, said)
    assert network.alerts(32201)
    lists(listed.sid).ip_addresses.create("near", "127.0.0.1")
    invite = caller.request("INVITE", f"sip:700@{OTHER_DOMAIN}")
    asked = caller.ask(invite)
    caller.acknowledge(asked, invite)
    assert asked.status_code == 407
    mappings(listed.sid).delete()


def test_a_refusal_names_twilios_code_and_tells_strangers_nothing(handset: Handsets) -> None:
    """A wrong password and an unknown user get the same header."""
    for user in ("lobby", "nobody"):
        caller = handset(user, password="Wrongpassword1")
        refused = caller.invite("700")
        caller.acknowledge(refused, caller.sent)
        assert refused.get_header("X-Twilio-Error") == "32202 Authentication failure - bad user credentials"


@pytest.mark.parametrize("edge", ["ashburn", "dublin", "us1", "sydney-ix"])
def test_a_phone_may_name_its_domain_at_an_edge(network: Network, handset: Handsets, edge: str) -> None:
    """It registers and calls there, and is dialled by the domain's plain and oldest names."""
    called = handset(domain=DOMAIN.replace(".sip.", f".sip.{edge}."))
    assert called.register().status_code == 200
    assert {"client": called.user, "domain": DOMAIN} in [
        {"client": one["client"], "domain": one["domain"]} for one in network.registrations()
    ]
    assert lifted(called, "704")
    hang_up(called)
    network.client.calls.create(to=f"sip:{called.user}@demo.sip.us1.twilio.com", from_=CALLER_ID, twiml="<Response/>")
    invite = called.asked("INVITE")
    assert f"<sip:{CALLER_ID}@{DOMAIN}>" in (invite.get_header("From") or "")
    called.respond(invite, 486)


@pytest.mark.parametrize(
    ("method", "options", "status", "header"),
    [
        ("REGISTER", {"Require": "foo"}, 420, ("Unsupported", "foo")),
        ("OPTIONS", {"Require": "foo, bar"}, 420, ("Unsupported", "foo, bar")),
        ("INVITE", {"Require": "100rel"}, 420, ("Unsupported", "100rel")),
        ("INVITE", {"Proxy_Require": "privacy"}, 420, ("Unsupported", "privacy")),
        ("BYE", {}, 481, None),
        ("INFO", {}, 481, None),
        ("MESSAGE", {"Require": "foo"}, 405, None),
    ],
)
def test_what_is_not_understood_is_said(
    handset: Handsets, method: str, options: dict[str, str], status: int, header: tuple[str, str] | None
) -> None:
    """An extension is named in Unsupported (RFC 3261, 8.2.2.3); a request outside any dialog gets 481."""
    caller = handset()
    request = caller.request(method, f"sip:700@{DOMAIN}", **options)
    answer = caller.ask(request)
    if method == "INVITE":
        caller.acknowledge(answer, request)
    assert answer.status_code == status
    if header:
        assert ", ".join(answer.headers.get(header[0])) == header[1]


@pytest.mark.parametrize("uri", ["tel:+15035550190", "http://demo.sip.twilio.com/", "mailto:lobby@demo.sip.twilio.com"])
def test_an_address_of_another_scheme_is_416(handset: Handsets, uri: str) -> None:
    """For every method, other schemes than SIP's are rejected (RFC 3261, 8.2.2.1)."""
    caller = handset()
    for method in ("INVITE", "OPTIONS"):
        request = caller.request(method, uri)
        answer = caller.ask(request)
        if method == "INVITE":
            caller.acknowledge(answer, request)
        assert answer.status_code == 416


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/mixed;boundary=x"])
def test_a_body_of_another_kind_is_415_and_says_which_is_taken(handset: Handsets, kind: str) -> None:
    """In a first INVITE, and in a re-INVITE, whose call continues."""
    caller = handset()
    first = caller.request("INVITE", f"sip:700@{DOMAIN}", body="hello")
    first.headers.set_single("Content-Type", kind)
    answer = caller.ask(first)
    caller.acknowledge(answer, first)
    assert (answer.status_code, answer.get_header("Accept")) == (415, "application/sdp")
    assert lifted(caller, "704")
    again = caller.request("INVITE", caller.sent.uri, to=caller.answered.get_header("To") or "", body="hello")
    again.headers.set_single("Content-Type", kind)
    answer = caller.ask(again)
    caller.acknowledge(answer, again)
    assert answer.status_code == 415
    hang_up(caller)
