"""Updating calls in progress and deleting completed ones through the API."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import Door, client_of, deploy
from tests.rehearsal.network import FRIEND, HELLO, NUMBER, Network, place, statuses

FOREVER = '<Response><Pause length="3600"/></Response>'


def test_call_in_progress_is_ended(network: Network) -> None:
    """Status=completed ends a call in progress; Status=canceled does not."""
    call = place(network, twiml=FOREVER)
    statuses(network, call.sid, 2)
    assert network.client.calls(call.sid).update(status="canceled").status == "in-progress"
    network.door.control("POST", "/clock", json={"advance_s": 57})
    ended = network.client.calls(call.sid).update(status="completed")
    assert (ended.status, ended.duration) == ("completed", "57")


@pytest.mark.parametrize("looks", [0, 1])
@pytest.mark.parametrize("status", ["canceled", "completed"])
def test_call_that_is_not_answered_is_canceled(network: Network, looks: int, status: str) -> None:
    """A queued or ringing call is canceled."""
    callback = f"https://{network.live.domain_name}/done"
    call = place(network, status_callback=callback)
    statuses(network, call.sid, looks)
    assert network.client.calls(call.sid).update(status=status).status == "canceled"
    assert [event["CallStatus"] for event in network.received("done")] == ["canceled"]


def test_other_twiml_takes_over(network: Network) -> None:
    """A call in progress continues with new TwiML, by Url or Twiml."""
    network.answers("<Pause length='100'/>")
    call = place(network, twiml=FOREVER)
    statuses(network, call.sid, 2)
    url = f"https://{network.live.domain_name}/voice"
    assert network.client.calls(call.sid).update(url=url).status == "in-progress"
    assert len(network.received("voice")) == 1
    network.door.control("POST", "/clock", json={"advance_s": 50})
    network.client.calls(call.sid).update(twiml=HELLO)
    assert network.client.calls(call.sid).fetch().duration == "52"


def test_digits_are_sent_first_and_can_be_broken_off(network: Network) -> None:
    """SendDigits takes time before the TwiML, and can be interrupted by new TwiML."""
    call = place(network, send_digits="wwww1928")
    statuses(network, call.sid, 3)
    assert network.client.calls(call.sid).fetch().duration == "7"
    call = place(network, send_digits="wwww1928")
    statuses(network, call.sid, 2)
    assert network.client.calls(call.sid).update(twiml=HELLO).status == "in-progress"
    statuses(network, call.sid, 1)
    assert network.client.calls(call.sid).fetch().duration == "2"


def test_other_twiml_ends_a_dial_whose_action_is_asked(network: Network) -> None:
    """An interrupted Dial ends its leg; its action is requested and the answer ignored, as recorded at Twilio."""
    base = f"https://{network.live.domain_name}"
    dial = f'<Dial callerId="{NUMBER}" action="{base}/done"><Number>+15035550199</Number></Dial>'
    network.answers("<Say>anew</Say>", done="<Pause length='900'/>")
    call = place(network, twiml=f"<Response>{dial}</Response>")
    statuses(network, call.sid, 2)
    network.door.control("POST", "/clock", json={"advance_s": 10})
    network.client.calls(call.sid).update(url=f"{base}/voice")
    (done,) = network.received("done")
    (child,) = network.client.calls.list(parent_call_sid=call.sid)
    assert (done["DialCallStatus"], child.status, child.duration) == ("completed", "completed", "7")
    assert statuses(network, call.sid, 1) == ["completed"]


def test_leg_is_ended_and_its_call_goes_on(network: Network) -> None:
    """If a dialled leg is ended, its parent continues with the Dial's action."""
    base = f"https://{network.live.domain_name}"
    dial = f'<Dial callerId="{NUMBER}" action="{base}/done"><Number>+15035550199</Number></Dial>'
    network.answers("", done="<Pause length='900'/>")
    call = place(network, twiml=f"<Response>{dial}</Response>")
    statuses(network, call.sid, 2)
    network.door.control("POST", "/clock", json={"advance_s": 10})
    (child,) = network.client.calls.list(parent_call_sid=call.sid)
    assert network.client.calls(child.sid).update(status="completed").status == "completed"
    assert [event["DialCallStatus"] for event in network.received("done")] == ["completed"]
    assert network.client.calls.list(status="in-progress")[0].sid == call.sid


@pytest.mark.parametrize("looks", [0, 1, 3])
def test_only_a_call_in_progress_gets_other_twiml(network: Network, looks: int) -> None:
    """A call that is not in progress can't be redirected: 21220."""
    call = place(network)
    statuses(network, call.sid, looks)
    with pytest.raises(TwilioRestException) as raised:
        network.client.calls(call.sid).update(twiml=HELLO)
    assert (raised.value.code, raised.value.status) == (21220, 400)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "busy"}, 20001),
        ({"twiml": HELLO, "url": "https://example.com/"}, 20001),
        ({"url": "voice"}, 21205),
        ({"time_limit": 5}, 20501),
        ({"status_callback": "https://example.com/"}, 20501),
    ],
)
def test_change_that_is_refused(network: Network, change: dict[str, Any], code: int) -> None:
    """An invalid or unmodelled update is rejected, and the call continues."""
    call = place(network, twiml=FOREVER)
    statuses(network, call.sid, 2)
    with pytest.raises(TwilioRestException) as raised:
        network.client.calls(call.sid).update(**change)
    assert raised.value.code == code
    assert network.client.calls.list()[0].status == "in-progress"


def test_call_is_deleted_once_it_is_over(network: Network) -> None:
    """A call in progress can't be deleted (20009); a completed one is deleted with its events."""
    call = place(network)
    with pytest.raises(TwilioRestException) as raised:
        network.client.calls(call.sid).delete()
    assert raised.value.code == 20009
    statuses(network, call.sid, 3)
    assert network.client.calls(call.sid).delete()
    with pytest.raises(TwilioRestException) as raised:
        network.client.calls(call.sid).fetch()
    assert raised.value.status == 404
    assert network.client.calls.list() == []


CALLS_BACK = """exports.handler = async (context, event, callback) => {
  const answer = new Twilio.twiml.VoiceResponse();
  if (event.Digits === undefined) {
    answer.gather({ timeout: 4, actionOnEmptyResult: true });
    return callback(null, answer);
  }
  const call = context.getTwilioClient().calls(event.CallSid);
  console.log((await call.fetch()).status);
  const other = new Twilio.twiml.VoiceResponse();
  other.say('changed from within');
  console.log((await call.update({ twiml: other.toString() })).status);
  answer.pause({ length: 600 });
  callback(null, answer);
};"""


@pytest.mark.parametrize("is_outgoing", [False, True])
def test_function_may_look_at_its_call_and_change_it(client: Client, door: Door, is_outgoing: bool) -> None:
    """A function that is serving a call can fetch and update it; the new TwiML is next."""
    live = deploy(client, door, {"/voice": ("protected", CALLS_BACK)})
    url = f"https://{live.domain_name}/voice"
    client.incoming_phone_numbers.create(phone_number=NUMBER, voice_url=url)
    if is_outgoing:
        sid = client.calls.create(to=FRIEND, from_=NUMBER, url=url).sid
        assert [client.calls(sid).fetch().status for _ in range(3)] == ["ringing", "in-progress", "completed"]
    else:
        told = door.call(from_=FRIEND, to=NUMBER)
        sid = told["call_sid"]
        assert told["heard"] == ["changed from within"]
    logs = client.serverless.v1.services(live.service).environments(live.environment).logs.list()
    assert [log.message for log in logs] == ["in-progress", "in-progress"]
    assert client.monitor.v1.alerts.list() == []
    assert client.calls(sid).fetch().duration == str(4 + 2)


def test_call_that_nobody_carries_leaves_its_queue(network: Network, door: Door, state: Path) -> None:
    """A call queued when the rehearsal was killed can be ended later, and has left its queue."""
    place(network, twiml="<Response><Enqueue>operators</Enqueue></Response>")
    network.door.control("POST", "/clock", json={"advance_s": 10})
    kept = state.with_name("kept.db")
    with sqlite3.connect(state) as running, sqlite3.connect(kept) as copy:
        running.backup(copy)
    running.close()
    copy.close()
    with start_rehearsal(kept) as again:
        client = client_of(again)
        (queue,) = client.queues.list()
        (call,) = client.calls.list(status="in-progress")
        assert (queue.current_size, client.calls(call.sid).update(status="completed").status) == (1, "completed")
        assert client.queues(queue.sid).fetch().current_size == 0
        client.http_client.session.close()
