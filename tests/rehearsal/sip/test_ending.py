"""What ends a call, what prevents one, and what can happen within one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import cast

import pytest
from aiosipua.sdp import parse_sdp

from dialtone_nb.rehearsal.exchange.lines import HungUp
from dialtone_nb.rehearsal.sip.phone_line import LoopWaiter, unless_over
from dialtone_nb.rehearsal.sip.uas import UasSession
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.calls import child_of, hang_up, lifted, refusal
from tests.rehearsal.sip.handset import SDP, Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network
from tests.rehearsal.sip.sound import LOUD, hear, loudness

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


def test_reject_is_heard_as_its_reason_says(handset: Handsets) -> None:
    """486 for busy, 404 for rejected (docs: SIP and TwiML interaction); the call was never answered."""
    assert refusal(handset(), "701") == 486
    assert refusal(handset(), "709") == 404


@pytest.mark.parametrize(
    ("dialled", "status", "code"), [("5035550192", "busy", 0), ("705", "no-answer", 0), ("5035550194", "failed", 32016)]
)
def test_the_built_in_network_fails_as_the_real_one_does(
    network: Network, handset: Handsets, dialled: str, status: str, code: int
) -> None:
    """Busy, no-answer and failed are statuses of the leg; the last raises its alert."""
    caller = handset()
    assert refusal(caller, dialled) >= 400
    assert child_of(network, caller)[1] == status
    assert not code or network.alerts(code)


def test_a_time_limit_ends_a_talk(network: Network, handset: Handsets) -> None:
    """The server sends BYE after one second, and raises 32015."""
    caller = handset()
    lifted(caller, "703")
    caller.respond(caller.asked("BYE"), 200)
    assert child_of(network, caller) == ("+15035550190", "completed")
    assert network.alerts(32015)


def test_a_caller_who_gives_up_is_a_cancelled_call(network: Network, handset: Handsets) -> None:
    """CANCEL while ringing: 200 for it, 487 for the INVITE, canceled in the record."""
    caller = handset()
    assert caller.invite("5035550195").status_code == 180
    cancel = caller.request("CANCEL", caller.sent.uri, Via=caller.sent.get_header("Via") or "", Contact="")
    cancel.headers.set_single("CSeq", f"{caller.cseq - 1} CANCEL")
    assert caller.ask(cancel).status_code == 200
    ended = caller.response(to=caller.sent)
    assert ended.status_code == 487
    caller.acknowledge(ended, caller.sent)
    assert child_of(network, caller) == ("+15035550195", "canceled")


def test_a_caller_who_hangs_up_ends_it_all(network: Network, handset: Handsets) -> None:
    """BYE during a Pause of a minute."""
    caller = handset()
    caller.invite("5035550190")
    answer = caller.response(to=caller.sent)
    caller.acknowledge(answer, caller.sent)
    caller.answered = answer
    hang_up(caller)
    assert child_of(network, caller)[1] == "completed"


def test_an_answer_without_ack_is_sent_again(handset: Handsets) -> None:
    """Over UDP a 200 is retransmitted until its ACK."""
    caller = handset()
    answer = caller.invite("704")
    while answer.status_code < 200:
        answer = caller.response(to=caller.sent)
    assert caller.response(to=caller.sent).status_code == 200
    caller.acknowledge(answer, caller.sent)


def test_an_invite_that_comes_twice_is_one_call(network: Network, handset: Handsets) -> None:
    """Its 180 was lost; the retransmitted INVITE gets it again, and starts no second call."""
    caller = handset()
    assert caller.invite("5035550195").status_code == 180
    assert caller.ask(caller.sent).status_code == 180
    assert len([one for one in network.calls() if one[1] == f"sip:{caller.user}@{DOMAIN}"]) == 1


def test_hold_and_back(handset: Handsets) -> None:
    """A re-INVITE with sendonly gets recvonly and silence; with sendrecv, sound returns."""
    caller = handset()
    lifted(caller, "5035550190")
    to, offer = caller.answered.get_header("To") or "", SDP.format(port=caller.rtp.getsockname()[1])
    for direction, answered in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
        again = caller.request("INVITE", caller.sent.uri, to=to, body=offer.replace("sendrecv", direction))
        answer = caller.ask(again)
        caller.acknowledge(answer, again)
        audio = parse_sdp(answer.text).audio
        assert audio
        assert audio.direction == answered
    hear(caller.rtp, 10)
    hang_up(caller)


def test_a_phone_without_an_offer_gets_ours(handset: Handsets) -> None:
    """Its ACK has the answer, and sound flows (RFC 3264 lets either side offer)."""
    caller = handset()
    answer = caller.invite("704", body="")
    while answer.status_code < 200:
        answer = caller.response(to=caller.sent)
    audio = parse_sdp(answer.text).audio
    assert audio
    assert {codec.encoding_name for codec in audio.codecs} == {"PCMU", "PCMA", "telephone-event"}
    caller.acknowledge(answer, caller.sent, body=SDP.format(port=caller.rtp.getsockname()[1]))
    assert loudness(hear(caller.rtp, 10)) > LOUD


def test_a_phone_that_only_speaks_another_codec_is_refused(handset: Handsets) -> None:
    """488: Twilio supports PCMU and PCMA."""
    offer = SDP.format(port=4000).replace("RTP/AVP 0 8 101", "RTP/AVP 18").replace("0 PCMU", "18 G729")
    assert refusal(handset(), "704", body=offer) == 488


def test_a_call_over_tcp(handset: Handsets) -> None:
    """From INVITE to BYE over one connection."""
    caller = handset(transport="TCP")
    lifted(caller, "704")
    assert loudness(hear(caller.rtp, 10)) > LOUD
    hang_up(caller)


def test_sound_goes_where_the_signalling_comes_from(handset: Handsets) -> None:
    """A phone may offer another network's address (as Linphone does), or somebody else's."""
    caller = handset()
    port = caller.rtp.getsockname()[1]
    lifted(caller, "704", body=SDP.format(port=port).replace("IN IP4 127.0.0.1", "IN IP6 fd00::2"))
    assert loudness(hear(caller.rtp, 10)) > LOUD
    hang_up(caller)


def test_keys_are_taken_at_the_rate_of_the_sound(handset: Handsets) -> None:
    """Phones with wide-band codecs offer telephone-event at several rates; ours is 8,000."""
    offer = (
        SDP.format(port=4000)
        .replace("0 8 101", "96 0 99 101")
        .replace("a=rtpmap:8 PCMA/8000", "a=rtpmap:96 opus/48000/2\r\na=rtpmap:99 telephone-event/48000")
    )
    caller = handset()
    lifted(caller, "704", body=offer)
    audio = parse_sdp(caller.answered.text).audio
    assert audio
    assert [(one.payload_type, one.clock_rate) for one in audio.codecs] == [(0, 8000), (101, 8000)]
    hang_up(caller)


def test_a_call_is_told_at_once_that_it_is_tried(handset: Handsets) -> None:
    """100 Trying, in SIP's terms, not HTTP's 100 Continue."""
    caller = handset()
    challenged = caller.ask(first := caller.request("INVITE", f"sip:704@{DOMAIN}"))
    caller.acknowledge(challenged, first)
    tried = caller.request("INVITE", first.uri, body=SDP.format(port=caller.rtp.getsockname()[1]))
    tried.headers.set_single("Proxy-Authorization", caller.credentials(challenged, "INVITE", first.uri))
    caller.send(tried)
    answer = caller.receive()
    assert bytes(answer).startswith(b"SIP/2.0 100 Trying\r\n")
    assert caller.response(to=tried).status_code == 180


def test_what_is_interrupted_before_it_begins_is_never_made() -> None:
    """A call ended between two steps leaves no coroutine that was never awaited."""
    made = list[str]()

    async def work() -> None:
        raise AssertionError("it was interrupted")

    def make() -> Coroutine[None, None, None]:
        made.append("work")
        return work()

    with closing(asyncio.new_event_loop()) as loop:
        waiter = LoopWaiter(loop)
        waiter.interrupt(HungUp())
        with pytest.raises(HungUp):
            waiter.wait(unless_over(cast(UasSession, None), make))
    assert made == []
