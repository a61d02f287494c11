"""Calls placed by the API: their errors, and their progress."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from dialtone_nb.rehearsal import start_rehearsal
from tests.rehearsal.doors import Door, client_of
from tests.rehearsal.network import DOMAIN, FRIEND, NUMBER, Network, build_network, place, statuses

FOREVER = '<Response><Pause length="3600"/></Response>'


def test_call_goes_on_from_look_to_look(network: Network) -> None:
    """Successive fetches show a call queued, ringing, in progress and completed, with its times."""
    call = place(network)
    assert (call.status, call.direction, call.start_time, call.duration) == ("queued", "outbound-api", None, None)
    assert statuses(network, call.sid, 4) == ["ringing", "in-progress", "completed", "completed"]
    ended = network.client.calls(call.sid).fetch()
    assert (ended.duration, (ended.end_time - ended.start_time).total_seconds()) == ("2", 5)
    assert (ended.to, ended._from, ended.parent_call_sid) == (FRIEND, NUMBER, None)


def test_call_goes_on_as_time_passes(network: Network) -> None:
    """Without any fetch, advancing the clock advances the calls."""
    call = place(network)
    network.door.control("POST", "/clock", json={"advance_s": 4})
    assert network.client.calls.list(to=FRIEND)[0].status == "in-progress"
    network.door.control("POST", "/clock", json={"advance_s": 60})
    (ended,) = network.client.calls.list(to=FRIEND)
    assert (ended.sid, ended.status, ended.duration) == (call.sid, "completed", "2")


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        ({"busy": True}, "busy"),
        ({"no_answer": True}, "no-answer"),
        ({"answer_after": 21}, "no-answer"),
        ({"answer_after": 20}, "completed"),
        ({"unreachable": True}, "failed"),
    ],
)
def test_call_ends_as_whoever_is_called_behaves(network: Network, behaviour: dict[str, Any], status: str) -> None:
    """A number set to busy, no-answer or failed behaves so for API calls until it is changed."""
    network.door.control("POST", f"/numbers/{FRIEND}", json=behaviour)
    call = place(network, timeout=20)
    assert statuses(network, call.sid, 4)[-1] == status
    network.door.control("POST", f"/numbers/{FRIEND}", json={})
    assert statuses(network, place(network).sid, 4)[-1] == "completed"


def test_url_is_asked_when_somebody_answers(network: Network) -> None:
    """The Url is requested on answer, with Direction=outbound-api, and its TwiML executed."""
    network.answers(f'<Say>hello</Say><Dial callerId="{NUMBER}">+15035550199</Dial>')
    call = place(network, twiml=None, url=f"https://{network.live.domain_name}/voice")
    assert statuses(network, call.sid, 3) == ["ringing", "in-progress", "completed"]
    (event,) = network.received("voice")
    assert (event["CallStatus"], event["Direction"], event["From"], event["To"]) == (
        "in-progress",
        "outbound-api",
        NUMBER,
        FRIEND,
    )
    (child,) = network.client.calls.list(parent_call_sid=call.sid)
    assert (child.direction, child.status) == ("outbound-dial", "completed")


def test_phone_is_called_where_it_is_registered(network: Network) -> None:
    """A registered SIP phone rings; an unregistered one gives no-answer and warning 32009."""
    to = f"sip:lobby@{DOMAIN}"
    call = place(network, to=to)
    assert statuses(network, call.sid, 1) == ["no-answer"]
    assert network.alerts() == ["32009"]
    network.door.control("POST", "/clients/lobby", json={"registered": True, "answer_after": 7})
    call = place(network, to=to)
    assert statuses(network, call.sid, 3) == ["ringing", "in-progress", "completed"]
    ended = network.client.calls(call.sid).fetch()
    assert (ended.end_time - ended.start_time).total_seconds() == 7 + 2


def test_status_callbacks_are_told_in_order(network: Network) -> None:
    """Each requested event is sent, and no other; without StatusCallbackEvent only completed."""
    callback = f"https://{network.live.domain_name}/done"
    events = ["initiated", "ringing", "answered", "completed"]
    call = place(network, status_callback=callback, status_callback_event=events)
    statuses(network, call.sid, 4)
    told = sorted(network.received("done"), key=lambda event: int(event["SequenceNumber"]))
    assert [event["CallStatus"] for event in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert told[-1]["CallDuration"] == "2"
    statuses(network, place(network, status_callback=callback).sid, 4)
    assert [event["CallStatus"] for event in network.received("done")][4:] == ["completed"]


def test_strange_callback_event_places_the_call_and_tells_nothing(network: Network) -> None:
    """Unknown events do not prevent the call: error 21626 is raised, and no callback is sent."""
    callback = f"https://{network.live.domain_name}/done"
    call = place(network, status_callback=callback, status_callback_event=["initiated ringing"])
    assert statuses(network, call.sid, 3)[-1] == "completed"
    assert (network.alerts(), network.received("done")) == (["21626"], [])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "5035550199"}, 21211),
        ({"to": "+1503555019"}, 21211),
        ({"to": "sip:"}, 21211),
        ({"to": "+442079460123"}, 21215),
        ({"from_": "lobby"}, 21212),
        ({"from_": "+15035550104"}, 21210),
        ({"to": f"sip:lobby@{DOMAIN}", "from_": "not a name"}, 21212),
        ({"twiml": None}, 21205),
        ({"twiml": None, "url": "voice"}, 21205),
        ({"method": "PUT"}, 21209),
        ({"timeout": 0}, 21208),
        ({"timeout": 601}, 21208),
        ({"send_digits": "five"}, 21206),
        ({"twiml": f"<Response><Say>{'x' * 4000}</Say></Response>"}, 32018),
        ({"sip_auth_username": "me"}, 21225),
        ({"record": True}, 20501),
        ({"machine_detection": "Enable"}, 20501),
        ({"application_sid": "AP" + "0" * 32}, 20501),
        ({"to": "client:robin"}, 20501),
        ({"to": "911"}, 20501),
    ],
)
def test_call_that_is_refused(network: Network, options: dict[str, Any], code: int) -> None:
    """Twilio's errors have its codes, and unmodelled parameters ours; no call is placed."""
    with pytest.raises(TwilioRestException) as raised:
        place(network, **options)
    assert raised.value.code == code
    assert network.client.calls.list() == []


def test_blocked_number_is_refused(network: Network) -> None:
    """A number set as blocked by Twilio gives 21216."""
    network.door.control("POST", f"/numbers/{FRIEND}", json={"blocked": True})
    with pytest.raises(TwilioRestException) as raised:
        place(network)
    assert raised.value.code == 21216


def test_calls_are_placed_once_a_second(network: Network) -> None:
    """Simultaneous requests are placed one a second, Twilio's default rate."""
    network.door.control("POST", f"/numbers/{FRIEND}", json={"busy": True})
    calls = [place(network).sid for _ in range(3)]
    network.door.control("POST", "/clock", json={"advance_s": 10})
    ended = [network.client.calls(sid).fetch() for sid in calls]
    assert [call.queue_time for call in ended] == ["0", "1000", "2000"]
    assert [(call.start_time - ended[0].start_time).total_seconds() for call in ended] == [0, 1, 2]


def test_action_of_twiml_without_a_url_must_be_absolute(network: Network) -> None:
    """Twiml in the request has no URL to resolve a relative action against: error 15004."""
    call = place(network, twiml="<Response><Redirect>/voice</Redirect></Response>")
    statuses(network, call.sid, 3)
    assert [n.error_code for n in network.client.calls(call.sid).notifications.list()] == ["15004"]


def test_twiml_that_is_none_is_an_application_error(network: Network) -> None:
    """Invalid TwiML is an error on answer: 12100."""
    call = place(network, twiml="<Response>")
    assert statuses(network, call.sid, 3)[-1] == "completed"
    assert network.alerts() == ["12100"]


def test_call_ends_with_its_time_limit(network: Network) -> None:
    """TimeLimit ends a call with warning 32015."""
    call = place(network, twiml=FOREVER, time_limit=90)
    assert statuses(network, call.sid, 3)[-1] == "completed"
    assert (network.client.calls(call.sid).fetch().duration, network.alerts()) == ("90", ["32015"])


def test_queued_call_survives_a_restart(state: Path) -> None:
    """After a restart a queued call is placed, and one in progress can be ended."""
    with start_rehearsal(state) as first:
        client, door = client_of(first), Door(first)
        with closing(client.http_client.session), closing(door.session):
            network = build_network(client, door)
            going_on = place(network, twiml=FOREVER)
            statuses(network, going_on.sid, 2)
            queued = place(network)
    with start_rehearsal(state) as again:
        other = client_of(again)
        assert other.calls(queued.sid).fetch().status == "ringing"
        assert other.calls(going_on.sid).update(status="completed").status == "completed"
        other.http_client.session.close()
