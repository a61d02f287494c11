"""Calls of SIP phones: dialling, sound and keys, and the account's records."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import Door, client_of
from tests.rehearsal.network import DOMAIN as PHONES_DOMAIN
from tests.rehearsal.network import build_network
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.calls import child_of, digits_of, hang_up, lifted, refusal
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import CALLER_ID, DOMAIN
from tests.rehearsal.sip.network import Network, until
from tests.rehearsal.sip.sound import LOUD, has_heard, hear, loudness, press, recorded, share_of, speak_tone

Phones = Callable[..., Baresip]
Handsets = Callable[..., Handset]


def test_a_real_phone_calls_a_number_and_hears_who_answers(network: Network, phone: Phones) -> None:
    """A milliwatt of 1,004 Hz, as on telephone companies' test lines; the record has the duration."""
    van = phone("van")
    van.dial("5035550190")
    van.wait_for("CALL_RINGING")
    van.wait_for("CALL_ESTABLISHED")
    until(lambda: has_heard(van.folder, 1004))
    until(lambda: "spoke" in network.steps("van"))
    van.do("hangup")
    van.wait_for("CALL_CLOSED")
    until(lambda: network.steps("van")[-1] == "ended")
    assert network.steps("van")[-4:] == ["called", "reached", "spoke", "ended"]
    parent, child = sorted(network.client.calls.list()[:2], key=lambda one: one.direction)
    assert (parent.status, child.status, child.to) == ("completed", "completed", "+15035550190")
    assert int(child.duration) >= 1


def test_two_real_phones_hear_each_other_whatever_they_speak(network: Network, phone: Phones) -> None:
    """One with PCMU over UDP, one with PCMA over TCP: each receives only the other's tone."""
    van = phone("van", says_hz=440.0, codecs="PCMU/8000/1")
    library = phone("library", says_hz=800.0, codecs="PCMA/8000/1", transport="tcp", answers="auto")
    van.dial("library")
    library.wait_for("CALL_ESTABLISHED")
    van.wait_for("CALL_ESTABLISHED")
    until(lambda: has_heard(van.folder, 800), "library heard at van")
    until(lambda: has_heard(library.folder, 440), "van heard at library")
    library.do("hangup")
    assert "CALL_CLOSED" in van.wait_for("CALL_CLOSED")["type"]
    until(lambda: network.steps("library")[-4:] == ["rang", "answered", "spoke", "ended"])


def test_a_call_from_outside_rings_a_real_phone(network: Network, phone: Phones) -> None:
    """POST /calls to our number: the function is requested, its Dial reaches the phone, both legs are recorded."""
    lobby = phone("lobby", answers="manual")
    told: list[dict[str, Any]] = []
    order = {"from_": "+15035550142", "to": CALLER_ID, "talk": 1.0}
    calling = threading.Thread(target=lambda: told.append(network.http.call(**order)))
    calling.start()
    assert "+15035550142" in lobby.wait_for("CALL_INCOMING")["peeruri"]
    lobby.do("accept")
    lobby.wait_for("CALL_ESTABLISHED")
    lobby.wait_for("CALL_CLOSED")
    calling.join(20)
    assert loudness(recorded(lobby.folder)) > LOUD
    assert [(one["to"], one["status"]) for one in told[0]["children"]] == [(f"sip:lobby@{DOMAIN}", "completed")]


def test_a_real_phone_that_declines_is_busy(network: Network, phone: Phones) -> None:
    """Its 486 is busy in the record."""
    lobby = phone("lobby")
    told: list[dict[str, Any]] = []
    calling = threading.Thread(target=lambda: told.append(network.http.call(from_="+15035550142", to=CALLER_ID)))
    calling.start()
    lobby.wait_for("CALL_INCOMING")
    lobby.do("hangup")
    calling.join(20)
    assert [one["status"] for one in told[0]["children"]] == ["busy"]


def test_say_is_spoken(handset: Handsets) -> None:
    """Speech is heard, then the server hangs up."""
    caller = handset()
    lifted(caller, "700")
    assert max(loudness(hear(caller.rtp, 10)) for _ in range(2)) > LOUD
    bye = caller.asked("BYE")
    caller.respond(bye, 200)


def test_play_is_heard(handset: Handsets) -> None:
    """Three notes stand for any recording; the first is a C."""
    caller = handset()
    lifted(caller, "704")
    assert share_of(523.3, hear(caller.rtp, 15)) > 0.9


def test_what_is_said_to_the_echo_comes_back(network: Network, handset: Handsets) -> None:
    """The number of the echo ends in 0191; it announces itself first."""
    caller = handset()
    where = lifted(caller, "5035550191")
    hear(caller.rtp, 20)
    speaking = threading.Thread(target=speak_tone, args=(caller.rtp, where, 700.0, 3.0))
    speaking.start()
    until(lambda: share_of(700, hear(caller.rtp, 10)) > 0.9)
    speaking.join()
    hang_up(caller)


def test_keys_are_gathered(network: Network, handset: Handsets) -> None:
    """Two telephone-events (RFC 4733) during the prompt; the action gets them."""
    caller = handset()
    where = lifted(caller, "702")
    hear(caller.rtp, 10)
    press(caller.rtp, where, "4#2")
    caller.respond(caller.asked("BYE"), 200)
    assert digits_of(network, caller) == "4"


@pytest.mark.parametrize(("assumed", "digits"), [("lost", ["1"]), ("kept", ["1", "2"])])
def test_keys_that_a_gather_did_not_want_are_the_next_ones_where_that_is_assumed(
    tmp_path: Path, assumed: str, digits: list[str]
) -> None:
    """The second of two keys comes while nothing is gathered."""
    with start_rehearsal(tmp_path / "state.db", otherwise={"keys_after_gather": assumed}) as rehearsal:
        client, http, door = client_of(rehearsal), Door(rehearsal), rehearsal.open_sip_door()
        asked = build_network(client, http)
        gather = '<Gather numDigits="1" timeout="1" action="/done">'
        asked.answers(f"{gather}<Say>Press a key</Say></Gather>", f'<Pause length="1"/>{gather}</Gather>')
        with Handset((door.host, door.port), "lobby", domain=PHONES_DOMAIN) as caller:
            where = lifted(caller, "100")
            caller.rtp.recv(2048)  # what is said: from now on keys are gathered
            press(caller.rtp, where, "12")
            caller.respond(caller.asked("BYE"), 200)
        assert sorted(event["Digits"] for event in asked.received("done")) == digits
        client.http_client.session.close()
        http.session.close()


def test_keys_may_come_as_info(handset: Handsets, network: Network) -> None:
    """Old phones send a key as SIP INFO."""
    caller = handset()
    lifted(caller, "702")
    hear(caller.rtp, 10)
    to = caller.answered.get_header("To") or ""
    for key in "15":
        info = caller.request("INFO", caller.sent.uri, to=to, Content_Type="application/dtmf-relay")
        info.text = f"Signal={key}\r\nDuration=160\r\n"
        assert caller.ask(info).status_code == 200
    caller.respond(caller.asked("BYE"), 200)
    assert digits_of(network, caller) == "15"


def test_every_phone_of_a_user_rings_and_the_first_to_answer_has_the_call(network: Network, handset: Handsets) -> None:
    """The others are cancelled, and their 487 acknowledged."""
    first, caller = handset(), handset()
    user = first.user
    second = handset(user)
    assert first.register().status_code == second.register().status_code == 200
    assert caller.invite(user).status_code in {180, 100}
    invites = [one.asked("INVITE") for one in (first, second)]
    for one, invite in zip((first, second), invites, strict=True):
        one.respond(invite, 180)
    second.answer(invites[1])
    second.asked("ACK")
    cancel = first.asked("CANCEL")
    first.respond(cancel, 200)
    first.respond(invites[0], 487)
    first.asked("ACK")
    assert invites[0].get_header("X-Room") == "7"
    second.send(second.request("BYE", f"sip:127.0.0.1:{network.address[1]}"))


def test_a_phone_that_is_gone_fails_the_call_with_its_warning(network: Network, handset: Handsets) -> None:
    """It registered over TCP and closed the connection: 32011."""
    gone, caller = handset(transport="TCP"), handset()
    assert gone.register(Contact=f"<sip:{gone.user}@127.0.0.1:9>").status_code == 200
    gone.close()
    until(lambda: refusal(caller, gone.user) >= 400)
    assert child_of(network, caller)[1] == "failed"
    assert network.alerts(32011)


def test_a_phone_that_is_not_registered_does_not_ring(network: Network, handset: Handsets) -> None:
    """32009, at once."""
    caller = handset()
    assert refusal(caller, "clinic") >= 400
    assert child_of(network, caller) == (f"sip:clinic@{DOMAIN}?X-Room=7", "no-answer")
    assert network.alerts(32009)
