"""Requests about calls that the API places: the calls, their recordings, and the queues that they wait in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twilio.rest import Client

FRIEND = "+15035550199"


def place_calls(client: Client, from_: str, url: str) -> Iterator[Callable[..., Any]]:
    """Make every request once; yield each list once it has at least two entries."""
    _change_a_call(client, from_, url)
    yield from _wait_in_a_queue(client, from_, url)
    yield from _leave_messages(client, from_)


def _change_a_call(client: Client, from_: str, url: str) -> None:
    call = client.calls.create(
        to=FRIEND,
        from_=from_,
        url=url,
        method="POST",
        fallback_url=url,
        fallback_method="POST",
        status_callback=url,
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        status_callback_method="POST",
        send_digits="1w2",
        timeout=30,
        time_limit=600,
        record=False,
    )
    calls = client.calls(call.sid)
    while calls.fetch().status != "in-progress":
        pass
    twiml = "<Response><Pause length='60'/></Response>"
    assert calls.update(twiml=twiml, fallback_url=url, fallback_method="POST").status == "in-progress"
    assert calls.update(status="completed").status == "completed"
    assert calls.delete()


def _wait_in_a_queue(client: Client, from_: str, url: str) -> Iterator[Callable[..., Any]]:
    queues = client.queues
    spare, queue = queues.create("spare"), queues.create("operators", max_size=10)
    yield queues
    queues(queue.sid).update(friendly_name="helpers", max_size=20)
    twiml = "<Response><Enqueue>helpers</Enqueue></Response>"
    for call in [client.calls.create(to=FRIEND, from_=from_, twiml=twiml) for _ in range(2)]:
        while client.calls(call.sid).fetch().status != "in-progress":
            pass
    members = queues(queue.sid).members
    yield members
    first = members("Front").fetch()
    members(first.call_sid).update(url=url, method="POST")
    assert queues(queue.sid).fetch().current_size == 1
    assert queues(spare.sid).delete()


def _leave_messages(client: Client, from_: str) -> Iterator[Callable[..., Any]]:
    twiml = "<Response><Record/></Response>"
    calls = [client.calls.create(to=FRIEND, from_=from_, twiml=twiml) for _ in range(2)]
    for call in calls:
        while client.calls(call.sid).fetch().status != "completed":
            pass
    yield client.recordings
    (first,), (second,) = (client.calls(call.sid).recordings.list() for call in calls)
    client.recordings.list(call_sid=first.call_sid, date_created=first.date_created.date(), include_soft_deleted=True)
    assert client.recordings(first.sid).fetch().duration == first.duration
    assert client.recordings(first.sid).delete()
    of_second = client.calls(second.call_sid).recordings
    assert of_second.list(date_created_before=second.date_created.date())[0].sid == second.sid
    assert of_second(second.sid).fetch().sid == second.sid
    assert of_second(second.sid).delete()
