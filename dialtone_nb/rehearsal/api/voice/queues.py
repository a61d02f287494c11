"""Queues of calls, and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.collection import API_2010, Collection, account_uri
from dialtone_nb.rehearsal.exchange.call import TakenOver
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
from dialtone_nb.rehearsal.exchange.queues import (
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
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

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


def _fields(tables: Tables, queue: Thing) -> Body:
    """The fields of a queue, with its current size."""
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


def _place_of(tables: Tables, request: ApiRequest) -> Place:
    place = find_place(tables, QUEUES.at(tables, request, "QueueSid").sid, request.names["CallSid"])
    if place is None:
        raise absent(request.path)
    return place


def _refuse_taken(tables: Tables, name: str, sid: str = "") -> None:
    other = find_queue(tables, name)
    if other and other.sid != sid:
        raise Refusal(tables.behaviour.queue_name_taken_code, f"A queue named {name} exists already")


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a queue."""
    values = read_parameters(FIELDS, request.form)
    _refuse_taken(tables, values["friendly_name"])
    queue = make_queue(tables, values["friendly_name"], values.get("max_size", tables.behaviour.queue_max_size))
    return QUEUES.show(tables, queue, 201)


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Change a queue's name or size; its members stay."""
    queue = QUEUES.at(tables, request)
    values = read_parameters(FIELDS, request.form, creating=False)
    name = values.pop("friendly_name", queue.name)
    _refuse_taken(tables, name, queue.sid)
    return QUEUES.show(tables, tables.save(queue, values, name=name))


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete the queue; refused while it has members."""
    queue = QUEUES.at(tables, request)
    if list_places(tables, queue.sid):
        raise Refusal(tables.behaviour.queue_not_empty_code, "The queue is not empty")
    return QUEUES.delete(tables, request)


def list_members(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The members of a queue, the one at the front first."""
    places = list_places(tables, QUEUES.at(tables, request, "QueueSid").sid)
    return list_response(
        request, "queue_members", places, lambda place: member_body(tables, place), lambda place: str(place.member.name)
    )


def fetch_member(tables: Tables, request: ApiRequest) -> ApiResponse:
    """One member, by the call's SID, or by `Front` for the one at the front."""
    return ApiResponse(200, member_body(tables, _place_of(tables, request)))


def update_member(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The queue member as it was before being redirected."""
    read_parameters(MEMBER_FIELDS, request.form)
    return fetch_member(tables, request)


async def dequeue(exchange: Exchange, request: ApiRequest, answer: Answering) -> ApiResponse:
    """Redirect a queue member to the TwiML of the Url, and answer with the member as it was before."""
    response, values = answer(), read_parameters(MEMBER_FIELDS, request.form)
    with exchange.store.transaction() as tables:
        call = find_call(tables, response.body["call_sid"])
    if call:
        await exchange.interrupt(call, TakenOver(TwimlSource(values["url"], values.get("method", "POST"))))
    return response


MEMBERS = "/Queues/{QueueSid}/Members"
OPERATIONS = (
    *QUEUES.operations(create=create, update=update, delete=delete),
    API_2010.operation("GET", MEMBERS, list_members),
    API_2010.operation("GET", f"{MEMBERS}/{{CallSid}}", fetch_member),
    API_2010.operation("POST", f"{MEMBERS}/{{CallSid}}", update_member, dequeue),
)
