"""Queues of calls, and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.api_2010 import account_uri, classic, stamped
from dialtone_nb.rehearsal.assumptions import QUEUE_NAME_TAKEN, QUEUE_NOT_EMPTY
from dialtone_nb.rehearsal.exchange.call import TakenOver
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
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
from dialtone_nb.rehearsal.http.operations import Answering, ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, integer, method, read_parameters, url
from dialtone_nb.rehearsal.state.call_records import find_call
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Tables, Thing

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

LARGEST_MAX_SIZE = 5000


def _max_size(value: str) -> int:
    size = integer(value)
    if not 1 <= size <= LARGEST_MAX_SIZE:
        raise ValueError(f"must be from 1 to {LARGEST_MAX_SIZE}")
    return size


FIELDS = (Parameter("FriendlyName", required=True, longest=64), Parameter("MaxSize", _max_size))
MEMBER_FIELDS = (Parameter("Url", url, required=True, code=21205), Parameter("Method", method, code=21209))


def queue_body(tables: Tables, queue: Thing) -> dict[str, Any]:
    """A queue as Twilio shows it, as long as it is now."""
    places = list_places(tables, queue.sid)
    return {
        **stamped(tables, queue),
        "friendly_name": queue.name,
        "max_size": queue.body["max_size"],
        "current_size": len(places),
        "average_wait_time": average_wait(places),
        "uri": f"{account_uri(tables)}/Queues/{queue.sid}.json",
    }


def member_body(tables: Tables, place: Place) -> dict[str, Any]:
    """Somebody who waits, as Twilio shows them."""
    call_sid, queue_sid = place.member.name, place.member.parent
    return {
        "call_sid": call_sid,
        "queue_sid": queue_sid,
        "date_enqueued": rfc2822(place.member.created),
        "position": place.position,
        "wait_time": place.waited_s,
        "uri": f"{account_uri(tables)}/Queues/{queue_sid}/Members/{call_sid}.json",
    }


def _queue_of(tables: Tables, request: ApiRequest, name: str = "Sid") -> Thing:
    queue = tables.get(QUEUE, request.names[name])
    if queue is None:
        raise absent(request.path)
    return queue


def _place_of(tables: Tables, request: ApiRequest) -> Place:
    place = find_place(tables, _queue_of(tables, request, "QueueSid").sid, request.names["CallSid"])
    if place is None:
        raise absent(request.path)
    return place


def _refuse_taken(tables: Tables, name: str, sid: str = "") -> None:
    other = find_queue(tables, name)
    if other and other.sid != sid:
        raise Refusal(QUEUE_NAME_TAKEN, f"A queue named {name} exists already")


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A new queue."""
    values = read_parameters(FIELDS, request.form)
    _refuse_taken(tables, values["friendly_name"])
    queue = make_queue(tables, values["friendly_name"], values.get("max_size", DEFAULT_MAX_SIZE))
    return ApiResponse(201, queue_body(tables, queue))


def list_(tables: Tables, request: ApiRequest) -> ApiResponse:
    """All queues."""
    return list_response(
        request, "queues", tables.list(QUEUE, ""), lambda q: queue_body(tables, q), lambda q: str(q.sid)
    )


def fetch(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One queue."""
    return ApiResponse(200, queue_body(tables, _queue_of(tables, request)))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """A queue with another name or size; who waits stays."""
    queue = _queue_of(tables, request)
    values = read_parameters(FIELDS, request.form, creating=False)
    name = values.pop("friendly_name", queue.name)
    _refuse_taken(tables, name, queue.sid)
    return ApiResponse(200, queue_body(tables, tables.save(queue, values, name=name)))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the queue, unless somebody waits in it."""
    queue = _queue_of(tables, request)
    if list_places(tables, queue.sid):
        raise Refusal(QUEUE_NOT_EMPTY, "The queue is not empty")
    tables.remove(queue.sid)
    return ApiResponse(204)


def list_members(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Who waits, the first first."""
    places = list_places(tables, _queue_of(tables, request, "QueueSid").sid)
    return list_response(
        request, "queue_members", places, lambda place: member_body(tables, place), lambda place: str(place.member.name)
    )


def fetch_member(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Somebody who waits: by the call's SID, or the first as Front."""
    return ApiResponse(200, member_body(tables, _place_of(tables, request)))


def update_member(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Somebody as they stood, before they were taken out to go on with other TwiML."""
    read_parameters(MEMBER_FIELDS, request.form)
    return fetch_member(tables, request)


async def dequeue(exchange: Exchange, request: ApiRequest, answer: Answering) -> ApiResponse:
    """Somebody as they stood; by now their call goes on with what the Url says."""
    response, values = answer(), read_parameters(MEMBER_FIELDS, request.form)
    with exchange.store.transaction() as tables:
        call = find_call(tables, response.body["call_sid"])
    if call:
        await exchange.interrupt(call, TakenOver(TwimlSource(values["url"], values.get("method", "POST"))))
    return response


OPERATIONS = (
    classic("GET", "/Queues", list_),
    classic("POST", "/Queues", create),
    classic("GET", "/Queues/{Sid}", fetch),
    classic("POST", "/Queues/{Sid}", update),
    classic("DELETE", "/Queues/{Sid}", delete),
    classic("GET", "/Queues/{QueueSid}/Members", list_members),
    classic("GET", "/Queues/{QueueSid}/Members/{CallSid}", fetch_member),
    classic("POST", "/Queues/{QueueSid}/Members/{CallSid}", update_member, dequeue),
)
