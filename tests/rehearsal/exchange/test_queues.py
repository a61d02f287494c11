"""Queues: members, waitUrl, Leave, and connecting members by Dial or the API."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.rehearsal.network import FRIEND, NUMBER, Network

OTHER = "+13605550142"


def enqueue(network: Network, attributes: str = "", inside: str = "", done: str = "") -> None:
    """Put the next calls into a queue, and have them say what they do next."""
    network.answers(f"<Enqueue {attributes}>operators</Enqueue><Say>no longer in line</Say>{inside}", done=done)


def take(network: Network, attributes: str = "", queue: str = "", to: str = OTHER) -> Any:
    """An API call to an operator, who dials the queue."""
    base = f"https://{network.live.domain_name}"
    url = f' url="{base}{queue}"' if queue else ""
    twiml = f"<Response><Dial {attributes}><Queue{url}>operators</Queue></Dial></Response>"
    return network.client.calls.create(to=to, from_=NUMBER, twiml=twiml)


def wait_in_line(network: Network, seconds: float = 10, **behaviour: Any) -> str:
    """The SID of an API call that has been in the queue for some seconds."""
    network.door.control("POST", f"/numbers/{FRIEND}", json={"answer_after": 0, "waits": 900} | behaviour)
    url = f"https://{network.live.domain_name}/voice"
    call = network.client.calls.create(to=FRIEND, from_=NUMBER, url=url)
    network.door.control("POST", "/clock", json={"advance_s": seconds})
    return str(call.sid)


def test_caller_waits_as_long_as_they_like(network: Network) -> None:
    """A caller in an unserved queue hears music until hanging up, which removes them."""
    enqueue(network, 'action="/done"')
    told = network.dial(waits=50)
    assert (told["status"], told["duration_s"], len(set(told["heard"]))) == ("completed", 50, 1)
    (done,) = network.received("done")
    assert (done["QueueResult"], done["QueueTime"]) == ("hangup", "50")
    (queue,) = network.client.queues.list()
    assert (queue.friendly_name, queue.current_size, queue.max_size) == ("operators", 0, 1000)


def test_document_is_heard_while_waiting(network: Network) -> None:
    """The waitUrl gets QueuePosition, and is requested again whenever its document ends."""
    enqueue(network, 'waitUrl="/done"', done="<Say>You are in line, please hold on for us</Say><Pause length='6'/>")
    told = network.dial(leaves_after=25)
    asked = network.received("done")
    assert told["heard"] == ["You are in line, please hold on for us"] * 3
    assert [event["QueueTime"] for event in asked] == ["0", "10", "20"]
    assert {event["QueuePosition"] for event in asked} == {event["CurrentQueueSize"] for event in asked} == {"1"}


@pytest.mark.parametrize("document", ["", "<Redirect>done</Redirect>", "<Dial>+15035550199</Dial>"])
def test_document_that_takes_no_time_is_no_endless_loop(network: Network, document: str) -> None:
    """A waitUrl with an empty document or invalid verbs leaves the caller in silence."""
    enqueue(network, 'waitUrl="/done"', done=document)
    told = network.dial(waits=3)
    assert (told["status"], told["heard"], told["children"]) == ("completed", [], [])


def test_leave_goes_on_behind_the_queue(network: Network) -> None:
    """Leave removes the caller: the action is requested with leave, or the next verb follows."""
    enqueue(network, 'waitUrl="/done"', done="<Say>closed</Say><Leave/>")
    assert network.dial()["heard"] == ["closed", "no longer in line"]
    enqueue(network, 'waitUrl="/done" action="/nowhere"', done="<Leave/>")
    events = network.client.calls(network.dial()["call_sid"]).events.list()
    assert [event.request["parameters"].get("QueueResult") for event in events] == [None, None, "leave"]


def test_leave_elsewhere_is_warned_of(network: Network) -> None:
    """Leave outside of a queue only raises a warning."""
    network.answers("<Leave/><Say>after</Say>")
    told = network.dial()
    assert (told["heard"], [alert["code"] for alert in told["alerts"]]) == (["after"], [12200])


def test_full_queue_takes_nobody(network: Network) -> None:
    """A full queue raises 14207, and the action gets QueueResult=queue-full."""
    network.client.queues.create("operators", max_size=1)
    enqueue(network, 'action="/done"', done="<Say>call again later</Say>")
    wait_in_line(network)
    told = network.dial()
    assert [event["QueueResult"] for event in network.received("done")] == ["queue-full"]
    assert (told["heard"], [alert["code"] for alert in told["alerts"]]) == (["call again later"], [14207])


def test_whoever_waits_longest_is_taken(network: Network) -> None:
    """Dialling a queue connects its front; afterwards both actions get the result."""
    base = f"https://{network.live.domain_name}"
    enqueue(network, 'action="/done"')
    sid = wait_in_line(network, talk=45)
    taken = take(network, f'action="{base}/done"')
    network.door.control("POST", "/clock", json={"advance_s": 300})
    told = {event["CallSid"]: event for event in network.received("done")}
    assert (told[sid]["QueueResult"], told[sid]["QueueTime"]) == ("bridged", "13")
    operator = told[taken.sid]
    assert (operator["DialCallStatus"], operator["DialCallSid"], operator["DialCallDuration"]) == (
        "completed",
        sid,
        "45",
    )
    durations = [network.client.calls(one).fetch().duration for one in (sid, taken.sid)]
    assert durations == [str(10 + 3 + 45), "45"]


def test_who_is_taken_hears_something_first(network: Network) -> None:
    """The url of a Queue is executed for the member before the parties are connected."""
    enqueue(network)
    sid = wait_in_line(network)
    network.answers("", done="<Say>An operator is with you</Say>")
    taken = take(network, queue="/done")
    network.door.control("POST", "/clock", json={"advance_s": 300})
    (asked,) = network.received("done")
    assert (asked["CallSid"], asked["DequeingCallSid"], asked["QueueTime"]) == (sid, taken.sid, "13")


@pytest.mark.parametrize("document", ["/done", "/broken"])
def test_who_is_taken_and_gone_before_the_talk_is_not_waited_for(network: Network, document: str) -> None:
    """A url that hangs up, or can't be fetched, ends the Dial of the other call at once: they were never joined."""
    enqueue(network)
    sid = wait_in_line(network)
    network.answers("", done="<Hangup/>")
    action = f"https://{network.live.domain_name}/nowhere"
    taken = take(network, f'action="{action}"', queue=document)
    network.door.control("POST", "/clock", json={"advance_s": 60})
    (asked,) = [one.request for one in network.client.calls(taken.sid).events.list() if one.request["url"] == action]
    assert (asked["parameters"]["DequeueResult"], asked["parameters"]["DialBridged"]) == ("hangup", "false")
    assert network.client.calls(sid).fetch().status == "completed"


def test_empty_queue_is_waited_at(network: Network) -> None:
    """Dialling an empty queue waits for a member until the timeout."""
    network.client.queues.create("operators")
    base = f"https://{network.live.domain_name}"
    taken = take(network, f'timeout="60" action="{base}/done"')
    network.door.control("POST", "/clock", json={"advance_s": 20})
    enqueue(network)
    told = network.dial(talk=30, waits=900)
    assert (told["status"], told["heard"][-1], told["duration_s"]) == ("completed", "no longer in line", 32)
    late = take(network, f'timeout="60" action="{base}/done"')
    network.door.control("POST", "/clock", json={"advance_s": 200})
    results = {event["CallSid"]: event["DialCallStatus"] for event in network.received("done")}
    assert results == {taken.sid: "completed", late.sid: "no-answer"}


def test_queue_that_is_not_there_fails_the_dial(network: Network) -> None:
    """Dialling an unknown queue fails at once."""
    base = f"https://{network.live.domain_name}"
    take(network, f'action="{base}/done"')
    network.door.control("POST", "/clock", json={"advance_s": 20})
    assert [event["DialCallStatus"] for event in network.received("done")] == ["failed"]


@pytest.mark.parametrize(("waiting", "operator"), [({"leaves_after": 20}, {}), ({"talk": 900}, {"leaves_after": 12})])
def test_either_side_can_hang_up(network: Network, waiting: dict[str, Any], operator: dict[str, Any]) -> None:
    """A hangup by either side ends the conversation for both."""
    network.door.control("POST", f"/numbers/{OTHER}", json=operator)
    enqueue(network)
    sid = wait_in_line(network, **waiting)
    taken = take(network)
    network.door.control("POST", "/clock", json={"advance_s": 60})
    calls = [network.client.calls(one).fetch() for one in (sid, taken.sid)]
    assert [call.status for call in calls] == ["completed", "completed"]
    assert all(int(call.duration) <= 24 for call in calls)


def test_members_are_listed_in_order(network: Network) -> None:
    """From front to back, with their waiting times."""
    enqueue(network)
    sid = wait_in_line(network, 30)
    network.door.control("POST", f"/numbers/{OTHER}", json={"answer_after": 0, "waits": 900})
    url = f"https://{network.live.domain_name}/voice"
    second = network.client.calls.create(to=OTHER, from_=NUMBER, url=url).sid
    network.door.control("POST", "/clock", json={"advance_s": 10})
    (queue,) = network.client.queues.list()
    members = network.client.queues(queue.sid).members.list()
    assert [(one.call_sid, one.position, one.wait_time) for one in members] == [(sid, 1, 40), (second, 2, 10)]
    assert (queue.current_size, queue.average_wait_time) == (2, 25)
    assert network.client.queues(queue.sid).members("Front").fetch().call_sid == sid


def test_member_is_taken_out_by_the_api(network: Network) -> None:
    """Updating a member's Url removes it; its action is requested and the answer ignored."""
    enqueue(network, 'action="/done"')
    sid = wait_in_line(network)
    network.answers("<Pause length='60'/>", done="<Say>unheard</Say>")
    (queue,) = network.client.queues.list()
    url = f"https://{network.live.domain_name}/voice"
    assert network.client.queues(queue.sid).members("Front").update(url=url).call_sid == sid
    assert [event["QueueResult"] for event in network.received("done")] == ["redirected"]
    assert network.client.queues(queue.sid).fetch().current_size == 0
    assert network.client.calls.list(status="in-progress")[0].sid == sid


def test_queues_are_made_changed_and_deleted(network: Network) -> None:
    """A queue has a friendly name and a maximum size; it can be deleted only when empty."""
    queues = network.client.queues
    queue = queues.create("operators", max_size=5)
    with pytest.raises(TwilioRestException):
        queues.create("operators")
    assert (queues(queue.sid).update(max_size=7).max_size, queues(queue.sid).fetch().friendly_name) == (7, "operators")
    enqueue(network)
    sid = wait_in_line(network)
    with pytest.raises(TwilioRestException):
        queues(queue.sid).delete()
    network.client.calls(sid).update(status="completed")
    assert queues(queue.sid).delete()
    with pytest.raises(TwilioRestException) as raised:
        queues(queue.sid).members("Front").fetch()
    assert raised.value.status == 404


def test_the_action_of_a_dialled_queue_is_told_what_came_of_it(network: Network) -> None:
    """An empty queue, an unknown one, and a connected member."""
    network.client.queues.create("empty")
    for name in ("empty", "nowhere"):
        network.answers(f'<Dial action="/done" timeout="5"><Queue>{name}</Queue></Dial>')
        network.door.call(from_=FRIEND, to=NUMBER)
    empty, nowhere = network.received("done")
    assert (empty["DequeueResult"], empty["DialCallStatus"]) == ("queue-empty", "no-answer")
    assert (nowhere["DequeueResult"], nowhere["DialCallStatus"]) == ("queue-not-found", "failed")
    assert "ErrorCode" not in nowhere
