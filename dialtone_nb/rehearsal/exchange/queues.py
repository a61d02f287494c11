"""Queues and who waits in them, in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.state.store import Tables, Thing

QUEUE, MEMBER = "queue", "queue_member"
DEFAULT_MAX_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody stands in a queue: from 1, and for how many seconds they have waited."""

    member: Thing
    position: int
    waited_s: int


def find_queue(tables: Tables, name: str) -> Thing | None:
    """The queue of this name."""
    return tables.find(QUEUE, "", name)


def make_queue(tables: Tables, name: str, max_size: int = DEFAULT_MAX_SIZE) -> Thing:
    """A new queue."""
    return tables.add("QU", QUEUE, "", name, {"max_size": max_size})


def list_places(tables: Tables, queue_sid: str) -> list[Place]:
    """Everybody who waits, the first to be served first."""
    now = tables.now()
    members = sorted(tables.list(MEMBER, queue_sid), key=lambda member: (member.created, member.nth, member.name))
    return [Place(member, place, int(now - member.created)) for place, member in enumerate(members, 1)]


def find_place(tables: Tables, queue_sid: str, call_sid: str) -> Place | None:
    """The place of a call, or of the first for "Front"."""
    places = list_places(tables, queue_sid)
    if call_sid == "Front":
        return places[0] if places else None
    return next((place for place in places if place.member.name == call_sid), None)


def average_wait(places: list[Place]) -> int:
    """How many seconds those who wait have waited on average; 0 where nobody does."""
    return round(sum(place.waited_s for place in places) / len(places)) if places else 0


def is_full(tables: Tables, queue: Thing) -> bool:
    """Whether nobody more may wait."""
    return tables.count(MEMBER, queue.sid) >= int(queue.body["max_size"])


def join_queue(tables: Tables, queue: Thing, call_sid: str) -> Thing:
    """The new place at the end."""
    return tables.add("QM", MEMBER, queue.sid, call_sid, {})


def leave_queue(tables: Tables, queue_sid: str, call_sid: str) -> None:
    """Nobody stands there any more."""
    if member := tables.find(MEMBER, queue_sid, call_sid):
        tables.remove(member.sid)


def leave_queues(tables: Tables, call_sid: str) -> None:
    """A call stands in no queue any more."""
    for member in tables.list(MEMBER):
        if member.name == call_sid:
            tables.remove(member.sid)
