"""Eventual consistency: for a while after a creation or a deletion, lists show the account as it was before.

Others have seen this at Twilio: a new resource is not listed for some seconds, and an environment's name stays taken
for some seconds after its deletion (twilio/twilio-cli#211). Real seconds would not repeat exactly, so lists lag here
for a number of reads or of simulated seconds, whichever is over first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dialtone_nb.rehearsal.api.serverless.environments import TAKEN
from dialtone_nb.rehearsal.http.errors import Refusal, conflict
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation, Router
from dialtone_nb.rehearsal.state.store import Body, Tables

SECONDS_UNTIL_SETTLED = 5.0


@dataclass(slots=True)
class Unsettled:
    """A created or deleted resource that its list does not reflect yet.

    `before` is the body that the list still shows of a deleted one, None for a created one. The list catches up after
    so many more `reads`, or at the simulated time `until`.
    """

    collection: str
    sid: str
    before: Body | None
    reads: int
    until: float


class Lag:
    """Makes lists lag behind by a number of reads; 0, the default, is no lag."""

    def __init__(self, router: Router, reads: int = 0) -> None:
        self._router = router
        self._unsettled: list[Unsettled] = []
        self.reads = reads

    def answer(self, tables: Tables, operation: Operation, request: ApiRequest) -> ApiResponse:
        """Carry out an operation, and answer with its response; a lagging list is shown as it was before."""
        if not self.reads and not self._unsettled:
            return operation.handler(tables, request)
        until = tables.now() + SECONDS_UNTIL_SETTLED
        self._unsettled = [one for one in self._unsettled if one.until > tables.now()]
        self._keep_taken(request)
        before = self._look(tables, request) if request.method == "DELETE" else None
        response = operation.handler(tables, request)
        if self.reads and response.status == 201 and "sid" in response.body:
            self._unsettled.append(Unsettled(request.path, response.body["sid"], None, self.reads, until))
        if self.reads and before is not None:
            self._unsettled.append(Unsettled(_collection(request.path), before["sid"], before, self.reads, until))
        return self._late(request, response) if request.method == "GET" else response

    def _look(self, tables: Tables, request: ApiRequest) -> Body | None:
        found = self._router.find(request.host, "GET", request.path)
        try:
            return found[0].handler(tables, replace(request, method="GET")).body if found else None
        except Refusal:
            return None  # the deletion itself will be refused for the same reason

    def _keep_taken(self, request: ApiRequest) -> None:
        if request.method != "POST" or not request.path.endswith("/Environments"):
            return
        wanted = dict(request.form).get("UniqueName")
        for one in self._unsettled:
            if one.collection == request.path and one.before and one.before["unique_name"] == wanted:
                self._count_down([one])
                raise conflict(TAKEN)

    def _late(self, request: ApiRequest, response: ApiResponse) -> ApiResponse:
        unsettled = [one for one in self._unsettled if one.collection == request.path]
        if not unsettled:
            return response
        key = next(name for name, value in response.body.items() if isinstance(value, list))
        hidden = {one.sid for one in unsettled if one.before is None}
        shown: list[Any] = [item for item in response.body[key] if item["sid"] not in hidden]
        if not any(name == "PageToken" for name, _ in request.query):
            shown = [one.before for one in unsettled if one.before] + shown
            self._count_down(unsettled)
        return replace(response, body=response.body | {key: shown})

    def _count_down(self, unsettled: list[Unsettled]) -> None:
        for one in unsettled:
            one.reads -= 1
        self._unsettled = [one for one in self._unsettled if one.reads > 0]


def _collection(path: str) -> str:
    """The path of the list that a resource is in: its own path without the SID."""
    suffix = ".json" if path.endswith(".json") else ""
    return path.rpartition("/")[0] + suffix
