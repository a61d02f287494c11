"""Eventual consistency: for a while after a creation or a deletion, lists show the account as it was before.

Seen at Twilio by others: what was made is not listed for some seconds, and an environment's name stays taken for some
seconds after its deletion (twilio/twilio-cli#211). Seconds of a real clock would not repeat, so here the while is a
number of reads, or some seconds of simulated time, whichever is over first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dialtone_nb.rehearsal.api.serverless.environments import TAKEN
from dialtone_nb.rehearsal.http.errors import Refusal, conflict
from dialtone_nb.rehearsal.http.operations import Ask, Directory, Operation, Reply
from dialtone_nb.rehearsal.state.store import Body, Tables

SECONDS_UNTIL_SETTLED = 5.0


@dataclass(slots=True)
class Unsettled:
    """A thing whose list lags: where it is listed, what its list still shows of it, how many more reads, until when."""

    collection: str
    sid: str
    before: Body | None
    reads: int
    until: float


class Lag:
    """Makes lists lag behind by a number of reads; 0, as it is at first, is no lag."""

    def __init__(self, directory: Directory, reads: int = 0) -> None:
        self._directory = directory
        self._unsettled: list[Unsettled] = []
        self.reads = reads

    def answer(self, tables: Tables, operation: Operation, ask: Ask) -> Reply:
        """What an operation answers, as late as lists are."""
        if not self.reads and not self._unsettled:
            return operation.handler(tables, ask)
        until = tables.now() + SECONDS_UNTIL_SETTLED
        self._unsettled = [one for one in self._unsettled if one.until > tables.now()]
        self._keep_taken(ask)
        before = self._look(tables, ask) if ask.method == "DELETE" else None
        reply = operation.handler(tables, ask)
        if self.reads and reply.status == 201 and "sid" in reply.body:
            self._unsettled.append(Unsettled(ask.path, reply.body["sid"], None, self.reads, until))
        if self.reads and before is not None:
            self._unsettled.append(Unsettled(_collection(ask.path), before["sid"], before, self.reads, until))
        return self._late(ask, reply) if ask.method == "GET" else reply

    def _look(self, tables: Tables, ask: Ask) -> Body | None:
        found = self._directory.find(ask.host, "GET", ask.path)
        try:
            return found[0].handler(tables, replace(ask, method="GET")).body if found else None
        except Refusal:
            return None  # the deletion will say why

    def _keep_taken(self, ask: Ask) -> None:
        if ask.method != "POST" or not ask.path.endswith("/Environments"):
            return
        wanted = dict(ask.form).get("UniqueName")
        for one in self._unsettled:
            if one.collection == ask.path and one.before and one.before["unique_name"] == wanted:
                self._count_down([one])
                raise conflict(TAKEN)

    def _late(self, ask: Ask, reply: Reply) -> Reply:
        unsettled = [one for one in self._unsettled if one.collection == ask.path]
        if not unsettled:
            return reply
        key = next(name for name, value in reply.body.items() if isinstance(value, list))
        hidden = {one.sid for one in unsettled if one.before is None}
        shown: list[Any] = [item for item in reply.body[key] if item["sid"] not in hidden]
        if not any(name == "PageToken" for name, _ in ask.query):
            shown = [one.before for one in unsettled if one.before] + shown
            self._count_down(unsettled)
        return replace(reply, body=reply.body | {key: shown})

    def _count_down(self, unsettled: list[Unsettled]) -> None:
        for one in unsettled:
            one.reads -= 1
        self._unsettled = [one for one in self._unsettled if one.reads > 0]


def _collection(path: str) -> str:
    """Where a thing is listed: its own address without its SID."""
    suffix = ".json" if path.endswith(".json") else ""
    return path.rpartition("/")[0] + suffix
