"""Queues and their members, first in, first out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Generic, TypeVar

from dialtone_nb.rehearsal.state.store import Tables, Thing

Call = TypeVar("Call")

QUEUE, MEMBER = "queue", "queue_member"
DEFAULT_MAX_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A queue member with its position, from 1, and the seconds that it has waited."""

    member: Thing
    position: int
    waited_s: int


def find_queue(tables: Tables, name: str) -> Thing | None:
    """The queue of this name."""
    return tables.find(QUEUE, "", name)


def make_queue(tables: Tables, name: str, max_size: int = DEFAULT_MAX_SIZE) -> Thing:
    """Add a queue."""
    return tables.add("QU", QUEUE, "", name, {"max_size": max_size})


def list_places(tables: Tables, queue_sid: str) -> list[Place]:
    """The members of a queue, the one at the front first."""
    now = tables.now()
    members = sorted(tables.list(MEMBER, queue_sid), key=lambda member: (member.created, member.nth, member.name))
    return [Place(member, place, int(now - member.created)) for place, member in enumerate(members, 1)]


def find_place(tables: Tables, queue_sid: str, call_sid: str) -> Place | None:
    """The place of a call, or of the member at the front for "Front"; None if there is none."""
    places = list_places(tables, queue_sid)
    if call_sid == "Front":
        return places[0] if places else None
    return next((place for place in places if place.member.name == call_sid), None)


def average_wait(places: list[Place]) -> int:
    """The members' average wait in seconds; 0 without members."""
    return round(sum(place.waited_s for place in places) / len(places)) if places else 0


def is_full(tables: Tables, queue: Thing) -> bool:
    """Whether the queue has reached its MaxSize."""
    return tables.count(MEMBER, queue.sid) >= int(queue.body["max_size"])


def join_queue(tables: Tables, queue: Thing, call_sid: str) -> Thing:
    """Add a call to the end of a queue."""
    return tables.add("QM", MEMBER, queue.sid, call_sid, {})


def leave_queue(tables: Tables, queue_sid: str, call_sid: str) -> None:
    """Remove a call from a queue."""
    if member := tables.find(MEMBER, queue_sid, call_sid):
        tables.remove(member.sid)


def leave_queues(tables: Tables, call_sid: str) -> None:
    """Remove a call from all queues."""
    for member in tables.list(MEMBER):
        if member.name == call_sid:
            tables.remove(member.sid)


class WaitingRoom(Generic[Call]):
    """The live calls that wait in each queue, first in, first out, and the calls that wait for one to arrive.

    The queues' members are records of the account, for the API; this is how live calls find each other. It is generic
    in the type of calls, because it uses nothing of them.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Call]] = defaultdict(list)
        self._takers: dict[str, list[Call]] = defaultdict(list)

    def enter(self, queue_sid: str, call: Call) -> Call | None:
        """Add a waiting call; gives back the call that awaits an arrival in this queue, if there is one."""
        self._waiting[queue_sid].append(call)
        return self._takers[queue_sid][0] if self._takers[queue_sid] else None

    def leave(self, queue_sid: str, call: Call) -> None:
        """Remove a call, if it is still waiting."""
        if call in self._waiting[queue_sid]:
            self._waiting[queue_sid].remove(call)

    def take(self, queue_sid: str) -> Call | None:
        """Remove and give back the call that has waited longest."""
        return self._waiting[queue_sid].pop(0) if self._waiting[queue_sid] else None

    def await_arrival(self, queue_sid: str, call: Call) -> None:
        """Note that a call awaits an arrival."""
        self._takers[queue_sid].append(call)

    def await_no_more(self, queue_sid: str, call: Call) -> None:
        """Note that a call no longer awaits an arrival."""
        self._takers[queue_sid].remove(call)
