"""Who may call, who is turned away, and what the voice URL is told of it."""

from __future__ import annotations

from collections.abc import Callable

from .baresip import Baresip
from .calls import hang_up, lifted, refusal
from .handset import Handset
from .names import DOMAIN, OTHER_DOMAIN
from .network import Network
from .sound import hear

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


def test_a_wrong_password_does_not_call(network: Network, handset: Handsets) -> None:
    """403 and 32202; no record, no webhook."""
    before = len(network.calls())
    assert refusal(handset("lobby", password="Wrongpassword1"), "700") == 403
    assert network.alerts(32202)
    assert len(network.calls()) == before


def test_a_domain_that_maps_no_list_for_calls_takes_none(network: Network, handset: Handsets) -> None:
    """The registrations mapping does not let a phone call."""
    mappings = network.client.sip.domains(network.domains[OTHER_DOMAIN]).auth.calls.credential_list_mappings
    mappings(network.lists[OTHER_DOMAIN]).delete()
    assert refusal(handset("lobby", domain=OTHER_DOMAIN), "700") == 403
    mappings.create(network.lists[OTHER_DOMAIN])


def test_a_call_to_the_domain_itself_is_a_loop(network: Network, handset: Handsets) -> None:
    """No user in the URI: 32223."""
    assert refusal(handset(), f"sip:{DOMAIN}") == 404
    assert network.alerts(32223)


def test_a_call_that_has_gone_round_too_often_is_ended(handset: Handsets) -> None:
    """Max-Forwards is 0: 483."""
    caller = handset()
    assert caller.ask(caller.request("INVITE", f"sip:700@{DOMAIN}", Max_Forwards="0")).status_code == 483


def test_the_voice_url_is_told_what_twilio_tells_it(network: Network, handset: Handsets) -> None:
    """From is what the phone says, and who has proved it is not told; headers of its own come along, others do not."""
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
    """It registers and calls there, and Twilio tells the name that the phone gave."""
    edge = DOMAIN.replace(".sip.", ".sip.frankfurt.")
    caller = handset(domain=edge)
    assert caller.register().status_code == 200
    assert refusal(caller, "700") != 404
    call = network.client.calls.list(limit=1)[0]
    told = network.client.calls(call.sid).events.list()[0].request["parameters"]
    assert (told["From"], told["SipDomain"]) == (f"sip:{caller.user}@{edge}", DOMAIN)


def test_a_phone_that_knows_this_machine_alone_calls_from_its_domain(network: Network, handset: Handsets) -> None:
    """This machine stands for Twilio's, so the service sees the domain, by which it knows its phones."""
    caller = handset(domain="127.0.0.1")
    refusal(caller, "700")
    call = network.client.calls.list(limit=1)[0]
    told = network.client.calls(call.sid).events.list()[0].request["parameters"]
    assert told["From"] == f"sip:{caller.user}@{DOMAIN}"


def test_a_stranger_can_not_hang_up_on_others(handset: Handsets) -> None:
    """A BYE with the right Call-ID and the wrong tag: 481, and the call goes on."""
    caller, stranger = handset(), handset()
    lifted(caller, "5035550190")
    stranger.call_id = caller.call_id
    to = caller.answered.get_header("To") or ""
    assert stranger.ask(stranger.request("BYE", f"sip:704@{DOMAIN}", to=to)).status_code == 481
    hear(caller.rtp, 5)
    hang_up(caller)
