"""Queues of calls, and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.collection import API_2010, Collection, account_uri
from dialtone_nb.rehearsal.assumptions import QUEUE_NAME_TAKEN, QUEUE_NOT_EMPTY
from dialtone_nb.rehearsal.exchange.call import TakenOver
from dialtone_nb.rehearsal.exchange.queues import (
    DEFAULT_MAX_SIZE,
    QUEUE,
    Place,
    average_wait,
    find_place,
    find_queue,
    list_places,
    make_queue,
)
from dialtone_nb.rehearsal.http.errors import Refusal, absent
from dialtone_nb.rehearsal.http.operations import Answering, Ask, Reply
from dialtone_nb.rehearsal.http.paging import list_reply
from dialtone_nb.rehearsal.http.parameters import Field, integer, method, read_fields, url
from dialtone_nb.rehearsal.state.call_records import find_call
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

LARGEST_MAX_SIZE = 5000


def _max_size(value: str) -> int:
    size = integer(value)
    if not 1 <= size <= LARGEST_MAX_SIZE:
        raise ValueError(f"must be from 1 to {LARGEST_MAX_SIZE}")
    return size


FIELDS = (Field("FriendlyName", required=True, longest=64), Field("MaxSize", _max_size))
MEMBER_FIELDS = (Field("Url", url, required=True, code=21205), Field("Method", method, code=21209))


def _fields(tables: Tables, queue: Thing) -> Body:
    """The fields of a queue, with its size as it is now."""
    places = list_places(tables, queue.sid)
    return {
        "friendly_name": queue.name,
        "max_size": queue.body["max_size"],
        "current_size": len(places),
        "average_wait_time": average_wait(places),
    }


QUEUES = Collection(API_2010, "Queues", kind=QUEUE, prefix="QU", fields=_fields)


def member_body(tables: Tables, place: Place) -> dict[str, Any]:
    """A queue's member as Twilio shows it."""
    call_sid, queue_sid = place.member.name, place.member.parent
    return {
        "call_sid": call_sid,
        "queue_sid": queue_sid,
        "date_enqueued": rfc2822(place.member.created),
        "position": place.position,
        "wait_time": place.waited_s,
        "uri": f"{account_uri(tables)}/Queues/{queue_sid}/Members/{call_sid}.json",
    }


def _place_of(tables: Tables, ask: Ask) -> Place:
    place = find_place(tables, QUEUES.at(tables, ask, "QueueSid").sid, ask.names["CallSid"])
    if place is None:
        raise absent(ask.path)
    return place


def _refuse_taken(tables: Tables, name: str, sid: str = "") -> None:
    other = find_queue(tables, name)
    if other and other.sid != sid:
        raise Refusal(QUEUE_NAME_TAKEN, f"A queue named {name} exists already")


def create(tables: Tables, ask: Ask) -> Reply:
    """A new queue."""
    values = read_fields(FIELDS, ask.form)
    _refuse_taken(tables, values["friendly_name"])
    queue = make_queue(tables, values["friendly_name"], values.get("max_size", DEFAULT_MAX_SIZE))
    return QUEUES.show(tables, queue, 201)


def update(tables: Tables, ask: Ask) -> Reply:
    """A queue with another name or size; its members stay."""
    queue = QUEUES.at(tables, ask)
    values = read_fields(FIELDS, ask.form, creating=False)
    name = values.pop("friendly_name", queue.name)
    _refuse_taken(tables, name, queue.sid)
    return QUEUES.show(tables, tables.save(queue, values, name=name))


def delete(tables: Tables, ask: Ask) -> Reply:
    """Delete the queue, unless it has members."""
    queue = QUEUES.at(tables, ask)
    if list_places(tables, queue.sid):
        raise Refusal(QUEUE_NOT_EMPTY, "The queue is not empty")
    return QUEUES.delete(tables, ask)


def list_members(tables: Tables, ask: Ask) -> Reply:
    """The members of a queue, the first first."""
    places = list_places(tables, QUEUES.at(tables, ask, "QueueSid").sid)
    return list_reply(
        ask, "queue_members", places, lambda place: member_body(tables, place), lambda place: str(place.member.name)
    )


def fetch_member(tables: Tables, ask: Ask) -> Reply:
    """One member: by the call's SID, or the first as Front."""
    return Reply(200, member_body(tables, _place_of(tables, ask)))


def update_member(tables: Tables, ask: Ask) -> Reply:
    """The queue member as it was before being redirected."""
    read_fields(MEMBER_FIELDS, ask.form)
    return fetch_member(tables, ask)


async def dequeue(exchange: Exchange, ask: Ask, answer: Answering) -> Reply:
    """The same, once the call goes on with the TwiML of the Url."""
    reply, values = answer(), read_fields(MEMBER_FIELDS, ask.form)
    with exchange.store.transaction() as tables:
        call = find_call(tables, reply.body["call_sid"])
    if call:
        await exchange.interrupt(call, TakenOver(values.get("method", "POST"), values["url"]))
    return reply


MEMBERS = "/Queues/{QueueSid}/Members"
OPERATIONS = (
    *QUEUES.operations(create=create, update=update, delete=delete),
    API_2010.operation("GET", MEMBERS, list_members),
    API_2010.operation("GET", f"{MEMBERS}/{{CallSid}}", fetch_member),
    API_2010.operation("POST", f"{MEMBERS}/{{CallSid}}", update_member, dequeue),
)
