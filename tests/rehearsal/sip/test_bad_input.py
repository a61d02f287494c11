"""Untrusted SIP input: thousands of damaged messages, and some deliberate attacks."""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosipua.message import SipResponse
from hypothesis import example, given
from hypothesis import strategies as st

from dialtone_nb.rehearsal.sip import admission
from dialtone_nb.rehearsal.sip.admission import FREE_GUESSES, WrongPasswords
from dialtone_nb.rehearsal.sip.media.rtp import Agreed, MediaPort
from dialtone_nb.rehearsal.sip.media.sdp import Unacceptable, answer_offer, read_description
from dialtone_nb.rehearsal.sip.messages import MalformedMessage, Request, read_message
from dialtone_nb.rehearsal.sip.registrar import read_contacts
from dialtone_nb.rehearsal.sip.transport import Flow
from tests.rehearsal.sip.handset import SDP, Handset
from tests.rehearsal.sip.names import DOMAIN
from tests.rehearsal.sip.network import Network, until

Handsets = Callable[..., Handset]
NOWHERE = Flow("UDP", ("127.0.0.1", 9), ("127.0.0.1", 9), lambda data, to: None)
MUTATIONS = 4000
METHODS = (b"INVITE", b"REGISTER", b"BYE", b"CANCEL", b"ACK", b"OPTIONS", b"INFO")
PIECES = (b"\r\n", b"\0", b"%00", b";", b"<", b'"', b"\xff\xfe", b"sip:", b"9" * 40, b"-1", b"A" * 5000, b"tag=", b",")
EXAMPLE = (
    b"INVITE sip:700@demo.sip.twilio.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKa;rport\r\n"
    b"From: <sip:lobby@demo.sip.twilio.com>;tag=1\r\nTo: <sip:700@demo.sip.twilio.com>\r\nCall-ID: a@b\r\n"
    b"CSeq: 1 INVITE\r\nContact: <sip:lobby@127.0.0.1:9>;expires=600\r\nMax-Forwards: 70\r\nExpires: 600\r\n"
    b'Proxy-Authorization: Digest username="lobby", realm="sip.twilio.com", nonce="0-a-b", uri="sip:x", response="00", '
    b"qop=auth, nc=00000001, cnonce=x\r\nContent-Type: application/sdp\r\n\r\n"
) + SDP.format(port=4000).encode()


def mutated(message: bytes, chance: random.Random) -> bytes:
    """A message with some places cut, doubled, overwritten or filled with special characters."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.randrange(40))
        piece = chance.choice((b"", chance.choice(PIECES), bytes(data[at:to]) * 2, chance.randbytes(4)))
        data[at:to] = piece
    return bytes(data[:60_000])


def damaged(seed: int) -> Iterator[bytes]:
    """Thousands of damaged messages, equal for equal seeds."""
    chance = random.Random(seed)
    for _ in range(MUTATIONS):
        yield mutated(EXAMPLE.replace(b"INVITE", chance.choice(METHODS)), chance)


def test_damaged_messages_leave_the_door_as_it_was(network: Network, handset: Handsets) -> None:
    """Four thousand over UDP: no call, no alert, and the next phone is served."""
    stranger = handset()
    calls = len(network.calls())
    for number, data in enumerate(damaged(1)):
        stranger.send(data)
        if number % 100 == 0:
            stranger.settle()
    assert handset().register().status_code == 200
    assert len(network.calls()) == calls
    assert network.door.malformed > 500
    assert not network.alerts(32202)


def test_damaged_calls_of_a_phone_with_its_password_ring_nobody_else(
    network: Network, handset: Handsets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three hundred damaged INVITEs with valid credentials: no other phone rings."""
    monkeypatch.setattr(admission, "FREE_GUESSES", 1000)  # a damaged answer is a wrong one
    chance, caller, other = random.Random(4), handset(source="127.0.0.11"), handset(network.add_user())
    assert other.register().status_code == 200
    uri = f"sip:701@{DOMAIN}"
    for number in range(300):
        caller.call_id = f"damaged-{number}"
        first = caller.request("INVITE", uri)
        challenged = caller.ask(first)
        caller.acknowledge(challenged, first)
        real = caller.request("INVITE", uri, body=SDP.format(port=caller.port))
        real.headers.set_single("Proxy-Authorization", caller.credentials(challenged, "INVITE", uri))
        caller.send(mutated(bytes(real), chance))
    caller.settle()
    assert other.hears_nothing(0.5)
    reached = [one for one in network.calls() if caller.user in one[1]]
    assert 0 < len(reached) < 300
    assert {status for _, _, to, status in reached if "701" in to} == {"busy"}
    assert handset().register().status_code == 200


def test_a_call_that_was_overheard_can_not_be_placed_again(network: Network, handset: Handsets) -> None:
    """The same credentials from another source get a challenge with stale=true, and no phone rings."""
    caller, called, stranger = handset(), handset(network.add_user()), handset()
    assert called.register().status_code == 200
    uri = f"sip:{called.user}@{DOMAIN}"
    assert caller.invite(called.user).status_code == 180
    called.respond(called.asked("INVITE"), 486)
    answer = caller.response(to=caller.sent)
    while answer.status_code < 200:
        answer = caller.response(to=caller.sent)
    caller.acknowledge(answer, caller.sent)
    called.settle()
    calls = len(network.calls())
    overheard = stranger.request("INVITE", uri, body=SDP.format(port=stranger.port))
    overheard.headers.set_single("Proxy-Authorization", caller.sent.get_header("Proxy-Authorization") or "")
    refused = stranger.ask(overheard)
    assert refused.status_code == 407
    assert "stale=true" in (refused.get_header("Proxy-Authenticate") or "")
    assert called.hears_nothing(0.3)
    assert len(network.calls()) == calls


def test_damaged_streams_are_hung_up_on_and_others_served(network: Network, handset: Handsets) -> None:
    """Over TCP a message that can't be framed ends only that connection."""
    for number, data in enumerate(damaged(2)):
        if number % 20 == 0:
            with socket.create_connection(network.address) as connection:
                connection.sendall(data)
    assert handset(transport="TCP").register().status_code == 200


@given(st.binary(max_size=400) | st.builds(lambda seed: mutated(EXAMPLE, random.Random(seed)), st.integers()))
@example(b"INVITE sip:a SIP/2.0\r\nVia: \r\n\r\n")
@example(b"SIP/2.0 99999999999999999999 OK\r\nVia: x\r\n\r\n")
def test_whatever_comes_is_a_request_a_response_or_unreadable(data: bytes) -> None:
    """No other exception is raised, and a parsed request's contacts and SDP can be read."""
    try:
        message = read_message(data, NOWHERE)
    except MalformedMessage:
        return
    if message is None or isinstance(message, SipResponse):
        return
    assert isinstance(message, Request)
    assert (message.user, message.host) == (str(message.user), str(message.host))
    read_contacts(message)
    try:
        if offer := read_description(message.message):
            answer_offer(offer, ("127.0.0.1", 4000), "127.0.0.1")
    except Unacceptable:
        pass


@given(st.binary(max_size=200))
@example(struct.pack("!BBHLL", 0x80, 101, 1, 1, 1))
@example(struct.pack("!BBHLL", 0x8F, 0, 1, 1, 1))
@example(struct.pack("!BBHLL", 0x90, 0, 1, 1, 1) + b"\xbe\xde\xff\xff")
@example(struct.pack("!BBHLL", 0x80, 101, 1, 1, 1) + bytes((200, 0x80, 0, 1)))
def test_whatever_comes_as_sound_is_sound_a_key_or_counted(data: bytes) -> None:
    """Damaged RTP packets are counted and dropped."""
    port = MediaPort()
    port.agree(Agreed(("127.0.0.1", 9)), "127.0.0.1")
    port.datagram_received(data, ("127.0.0.1", 9))
    assert port.packets.received + port.packets.strange >= 1


def test_sound_from_another_machine_is_not_heard() -> None:
    """RTP from another address is dropped, even to the right port."""
    port = MediaPort()
    port.agree(Agreed(("192.0.2.1", 9)), "192.0.2.1")
    port.datagram_received(struct.pack("!BBHLL", 0x80, 0, 1, 1, 1) + b"\xff" * 160, ("192.0.2.2", 9))
    assert (port.packets.received, port.packets.strange) == (0, 1)
    assert port.agreed.remote == ("192.0.2.1", 9)


@pytest.mark.parametrize(
    ("header", "value"),
    [("CSeq", "1 BYE"), ("CSeq", "x"), ("CSeq", f"{2**31} INVITE"), ("From", "<sip:a@b>"), ("Call-ID", ""), ("To", "")],
)
def test_a_request_without_what_it_must_have_is_a_bad_request(handset: Handsets, header: str, value: str) -> None:
    """400, if it can be answered."""
    stranger = handset("nobody")
    request = stranger.request("INVITE", f"sip:700@{DOMAIN}")
    request.headers.remove(header)
    if value:
        request.headers.append(header, value)
    stranger.send(request)
    answer = stranger.receive()
    assert isinstance(answer, SipResponse)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("From", "<sip:van@demo.sip.twilio.com>;tag=2"),
        ("To", "<sip:911@demo.sip.twilio.com>"),
        ("Call-ID", "another"),
        ("CSeq", "2 OPTIONS"),
        ("Max-Forwards", "69"),
    ],
)
def test_a_header_of_one_value_that_comes_twice_is_a_bad_request(handset: Handsets, header: str, value: str) -> None:
    """It would be open which of the two counts (RFC 4475, 3.3.8)."""
    stranger = handset("nobody")
    request = stranger.request("OPTIONS", f"sip:{DOMAIN}")
    request.headers.append(header, value)
    stranger.send(request)
    answer = stranger.receive()
    assert isinstance(answer, SipResponse)
    assert answer.status_code == 400


@pytest.mark.parametrize("length", ["-1", "x", "9999", "9" * 5000, "0\r\nl: 0"])
def test_a_body_that_is_not_as_long_as_is_said_is_a_bad_request(handset: Handsets, length: str) -> None:
    """A datagram that was cut off is not carried out (RFC 3261, 18.3)."""
    stranger = handset("nobody")
    sent = bytes(stranger.request("OPTIONS", f"sip:{DOMAIN}"))
    head = b"\r\n".join(line for line in sent.split(b"\r\n") if not line.lower().startswith(b"content-length"))
    stranger.send(head.replace(b"\r\nCSeq", f"\r\nContent-Length: {length}\r\nCSeq".encode(), 1))
    answer = stranger.receive()
    assert isinstance(answer, SipResponse)
    assert answer.status_code == 400


@pytest.mark.parametrize("branch", [b"", b";branch=z9hG4bK", b";branch=390skdjuw"])
def test_a_phone_of_rfc_2543_has_no_unique_branch_and_is_served(branch: bytes) -> None:
    """Its Via, Request-URI, From, Call-ID and CSeq tell its transactions apart (RFC 3261, 17.2.3)."""

    def read(method: bytes, sequence: bytes) -> Request:
        sent = EXAMPLE.replace(b";branch=z9hG4bKa", branch).replace(b"1 INVITE", sequence + b" " + method)
        found = read_message(sent.replace(b"INVITE sip", method + b" sip"), NOWHERE)
        assert isinstance(found, Request)
        return found

    first = read(b"INVITE", b"1")
    assert read(b"INVITE", b"1").branch == read(b"ACK", b"1").branch == read(b"CANCEL", b"1").branch == first.branch
    assert read(b"INVITE", b"2").branch != first.branch


def test_an_answer_to_nothing_is_nothing(network: Network, handset: Handsets) -> None:
    """An unexpected 200 changes no call."""
    stranger = handset("nobody")
    stranger.send(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\nCall-ID: x\r\n\r\n"
    )
    assert handset().register().status_code == 200


def test_a_cancel_from_elsewhere_stops_no_call(handset: Handsets) -> None:
    """It has the right branch and a wrong Call-ID."""
    caller, stranger = handset(), handset("nobody")
    assert caller.invite("5035550190").status_code == 180
    cancel = stranger.request("CANCEL", caller.sent.uri, Via=caller.sent.get_header("Via") or "")
    stranger.send(cancel)
    assert caller.response(to=caller.sent).status_code == 200


def test_an_alert_that_a_phone_earns_all_night_comes_once_a_minute(network: Network, handset: Handsets) -> None:
    """Repeated wrong passwords do not fill the account with alerts."""
    before = len(network.alerts(32212))
    clumsy = handset(password="Wrongpassword1", source="127.0.0.8")
    assert {clumsy.register().status_code for _ in range(FREE_GUESSES)} == {403}
    assert len(network.alerts(32212)) == before + 1


def test_whoever_guesses_passwords_is_slowed_down(handset: Handsets) -> None:
    """After some wrong passwords their source gets 503 with Retry-After, even for a right one."""
    phone, guesser = handset(), handset(password="Wrongpassword1", source="127.0.0.10")
    heard = [guesser.register() for _ in range(FREE_GUESSES + 5)]
    assert [one.status_code for one in heard] == [403] * FREE_GUESSES + [503] * 5
    assert heard[-1].get_header("Retry-After") == "1"
    assert handset(source="127.0.0.10").register().status_code == 503
    assert phone.register().status_code == 200
    threading.Event().wait(1.1)
    assert handset(source="127.0.0.10").register().status_code == 200


def test_a_source_waits_twice_as_long_for_each_wrong_password_more() -> None:
    """Up to a minute; it is forgotten after a pause, as are the oldest of very many."""
    now = [1000.0]
    guesses = WrongPasswords(lambda: now[0])
    waits = []
    for _ in range(FREE_GUESSES + 8):
        guesses.add("192.0.2.1")
        waits.append(guesses.wait_s("192.0.2.1"))
    assert waits == [0.0] * (FREE_GUESSES - 1) + [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert guesses.wait_s("192.0.2.2") == 0
    now[0] += 601
    guesses.add("192.0.2.1")
    assert guesses.wait_s("192.0.2.1") == 0
    for number in range(5000):
        guesses.add(str(number))
    assert len(guesses._guessed) == 1000


def test_a_flood_of_registrations_keeps_no_phone_out(network: Network, handset: Handsets) -> None:
    """Requests without a password do not use up a user's five registrations a second."""
    flooded = handset()
    attacker = handset(flooded.user, password="Wrongpassword1", source="127.0.0.9")
    for _ in range(30):
        attacker.register()
    assert flooded.register().status_code == 200
    assert until(lambda: [one for one in network.registrations() if one["client"] == flooded.user])


def test_what_strangers_send_fills_no_terminal(tmp_path: Path) -> None:
    """Damaged messages make a rehearsal print nothing."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--sip", "127.0.0.1:0", "--state", str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as door:
        assert door.stdout
        said = "".join(iter(door.stdout.readline, "Stop it with Ctrl-C.\n"))
        port = int(said.partition("SIP          127.0.0.1:")[2].partition(",")[0])
        with Handset(("127.0.0.1", port), "nobody") as stranger:
            for data, _ in zip(damaged(3), range(300), strict=False):
                stranger.send(data)
            stranger.send(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\n\r\nmore than that")
            stranger.settle()
        door.terminate()
        assert door.communicate(timeout=20) == ("", "")
