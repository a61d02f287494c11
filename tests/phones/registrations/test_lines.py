"""Reading registrations, and nothing else, from log lines in every maker's format."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.phones.registrations.lines import FORMS, SENTENCES, DeviceLog, split_line
from tests.phones.registrations.conftest import Desk
from tests.phones.registrations.imitations import IMITATIONS, MAC, Imitation, exchange, grandstream, register, response

FORM = pytest.mark.parametrize("form", IMITATIONS.values(), ids=IMITATIONS)


@FORM
def test_a_phone_registers_is_refused_and_unregisters(form: Imitation, desk: Desk) -> None:
    """In each format, with Twilio's limits for the expiry and our own words for the refusal."""
    desk.hear(exchange("lobby"), form)
    desk.hear(exchange("lobby", 403), form)
    desk.hear(exchange("lobby", expires=0), form)
    assert desk.told == [
        ("lobby", "registered", "", 600),
        ("lobby", "failed", "403 user name or password refused", 0),
        ("lobby", "unregistered", "", 0),
    ]


@FORM
def test_a_challenge_is_no_failure_until_it_comes_again_and_again(form: Imitation, desk: Desk) -> None:
    """The first asks for the password and the second may report a stale nonce; a third means a rejection."""
    for status in (407, 407, 200, 407, 407):
        desk.hear(exchange("lobby", status), form)
    assert desk.told == [("lobby", "registered", "", 600)]
    desk.hear(exchange("lobby", 407), form)
    assert desk.told[1:] == [("lobby", "failed", "407 password not accepted", 0)]


@FORM
def test_two_registers_without_an_answer_are_a_failure(form: Imitation, desk: Desk) -> None:
    """A single one may be a lost datagram; a retransmission does not count."""
    first = register("lobby")
    desk.hear([first, first, first, register("lobby")], form)
    assert desk.told == []
    desk.hear([register("lobby")], form)
    assert desk.told == [("lobby", "failed", "no answer from the registrar", 0)]


@pytest.mark.parametrize(
    ("options", "expires_s"),
    [
        ({"expires": 30}, 600),
        ({"expires": 86400}, 3600),
        ({"expires": 1200}, 1200),
        ({"expires": None}, 600),
        ({"expires": 1200, "contact": ";expires=900"}, 900),
        ({"expires": None, "contact": ';+sip.instance="<urn:uuid:0>";expires=0'}, 0),
    ],
)
def test_a_registration_holds_as_long_as_twilio_lets_it(options: dict[str, Any], expires_s: int, desk: Desk) -> None:
    """Between 600 and 3,600 seconds; a Contact's expires goes before the Expires header."""
    desk.hear(exchange("lobby", **options))
    assert [one.expires_s for one in desk.kept] == [expires_s]
    assert [one.state.value for one in desk.kept] == ["registered" if expires_s else "unregistered"]


def test_every_line_twice_tells_nothing_more(desk: Desk) -> None:
    """A Linksys with both log servers set to this machine sends each line twice."""
    for message in exchange("lobby"):
        desk.hear([message, message])
    assert desk.told == [("lobby", "registered", "", 600)]


@FORM
def test_calls_leave_nothing(form: Imitation, desk: Desk) -> None:
    """INVITEs and other requests of calls are ignored, with their numbers."""
    invite = register("lobby", cseq=7).replace("REGISTER", "INVITE").replace("sip:demo", "sip:+15035550101@demo")
    asked = register("lobby", cseq=7)
    desk.hear([asked, invite, response(invite, 200), response(invite, 403)], form)
    assert desk.told == []
    desk.hear([response(asked, 200)], form)
    assert desk.told == [("lobby", "registered", "", 600)]


def test_a_response_without_its_request_tells_nothing(desk: Desk) -> None:
    """It could belong to either kind of REGISTER; provisional and late responses are ignored too."""
    asked = register("lobby", cseq=5)
    desk.hear([response(asked, 200)])
    desk.hear([asked, response(asked, 100), response(register("lobby", cseq=4), 200)])
    assert desk.told == []
    desk.hear([response(asked, 200), response(asked, 403)])
    assert [told[1] for told in desk.told] == ["registered"]


def test_two_ports_of_one_device_are_two_phones(desk: Desk) -> None:
    """Each line names its phone, and lines of both may alternate."""
    one, other = register("lobby"), register("kitchen")
    desk.hear([one, other, response(other, 403), response(one, 200)], grandstream)
    assert [told[:2] for told in desk.told] == [("kitchen", "failed"), ("lobby", "registered")]


def test_a_grandstream_has_a_sentence_of_its_own(desk: Desk) -> None:
    """It names no phone, so it counts for the device's only registering phone, once known."""
    text = "1696364494.645840 SigCtrl::performRegistration on acct 0, Registered: {}, proxyUrl: demo.sip.twilio.com"
    desk.hear([text.format(1)], grandstream)
    assert desk.told == []
    desk.hear(exchange("lobby"), grandstream)
    desk.wait(minutes=5)
    desk.hear([text.format(1)], grandstream)
    desk.hear([text.format(0)], grandstream)
    assert [told[:2] for told in desk.told] == [("lobby", "registered"), ("lobby", "registered"), ("lobby", "failed")]


def test_a_sentence_is_not_said_again_by_the_record_behind_it(desk: Desk) -> None:
    """Records have no line ends; a record minutes later is a new one."""
    desk.hear(exchange("lobby"), grandstream)
    desk.wait(minutes=5)
    desk.hear(["SigCtrl::performRegistration on acct 0, Registered: 1"], grandstream)
    desk.wait(minutes=5)
    desk.hear(["OBP:0", "something else"], grandstream)
    assert len(desk.kept) == 2


@pytest.mark.parametrize(
    ("line", "maker", "mac", "text"),
    [
        (
            f"<14> HT801 [{MAC}] [1.0.49.2] GS_ATA: USER.INFO   1696364494.711319 SIPStack(0)::cb_rcv2xx: Received 200",
            "Grandstream",
            MAC,
            "SIPStack(0)::cb_rcv2xx: Received 200",
        ),
        (
            f"Apr 20 21:24:34 HT801V2 [{MAC.upper()}] [1.0.9.3] GS_ATA: Nuvoton::startRing",
            "Grandstream",
            MAC,
            "Nuvoton::startRing",
        ),
        (
            "<14>May 19 02:40:38 192.168.1.14 GS_LOG: [00:0b:82:00:a1:be][000] Ethernet link is up",
            "Grandstream",
            "00:0b:82:00:a1:be",
            "Ethernet link is up",
        ),
        ("011511.006|so   |2|00|soCoreAudioTermChg: chassis", "Polycom", "", "soCoreAudioTermChg: chassis"),
        ("<134>1028171642|sip  |4|00|text", "Polycom", "", "text"),
        ("<134>System started", "", "", "System started"),
        ("", "", "", ""),
    ],
)  # fmt: skip
def test_lines_that_were_published_are_told_apart(line: str, maker: str, mac: str, text: str) -> None:
    """Maker, MAC address and text of each."""
    assert split_line(line.encode()) == (maker, mac, text)


def test_each_form_and_sentence_says_where_it_was_seen() -> None:
    """Or that no source was found."""
    assert all(one.evidence for one in (*FORMS, *SENTENCES))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([line.encode() for line in exchange("lobby")])))
def test_no_datagram_breaks_the_reader(datagrams: list[bytes]) -> None:
    """For any input, only known phones are reported, in our own words."""
    device = DeviceLog(datetime(2026, 3, 2, tzinfo=UTC))
    for datagram in datagrams:
        maker, _, text = split_line(datagram)
        for told in device.read(text, maker, ("lobby",)):
            assert told.client in ("", "lobby")
            assert told.reason.isascii()
            assert told.reason.isprintable()


def test_a_record_may_be_cut_anywhere(make_desk: Callable[[], Desk]) -> None:
    """At any place, even within a number, the next record continues the message."""
    asked = register("lobby", cseq=2345, expires=1200)
    answered = response(asked, 200)
    head = f"<15> HT801 [{MAC}] [1.0.49.2] GS_ATA: USER.DEBUG  ".encode()
    for message in (asked, answered):
        for cut in range(1, len(message)):
            desk = make_desk()
            pieces = [message[:cut], message[cut:]]
            for text in (*pieces, answered) if message is asked else (asked, *pieces):
                desk.listener.take(head + text.encode(), "192.0.2.31")
            assert desk.told == [("lobby", "registered", "", 1200)], message[:cut]


@pytest.mark.parametrize(
    "text", ["REGISTER sip:" + "a" * 9000, "To: " + "<" * 9000, "Contact: " + ";" * 9000, " " * 9000]
)
def test_long_lines_are_read_at_once(text: str) -> None:
    """Patterns take linear time; otherwise this test would hang."""
    device = DeviceLog(datetime(2026, 3, 2, tzinfo=UTC))
    for line in ("REGISTER sip:a SIP/2.0\n", text, text + "\n" + text):
        maker, _, rest = split_line(line.encode())
        assert list(device.read(rest, maker, ("lobby",))) == []
