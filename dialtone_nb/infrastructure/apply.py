"""A plan's changes, carried out: in order, independent ones side by side, stopping at the first refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from dialtone_nb.errors import AbsentError, DialtoneError, TwilioError, UnknownOutcomeError
from dialtone_nb.infrastructure.plan import Change, waits_for
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Id, Resource

SIDE_BY_SIDE = 6
# How often a change is tried whose outcome stayed unknown, and which was not there when looked for.
TRIES = 3
# How long to wait between looks, in seconds, before what is not seen counts as not there.
LOOK_AGAIN_S = (1, 2, 4)


class Status(StrEnum):
    """What became of a change."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_DONE = "not done"


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """What became of one change: how long it took in seconds, Twilio's request id, and the error where it failed."""

    change: Change
    status: Status
    seconds: float = 0.0
    request_id: str = ""
    error: str = ""
    # Where an answer was lost and the resource was looked up instead.
    note: str = ""


Observe = Callable[[ChangeOutcome | Change], None]


def apply_changes(
    context: ApplyContext, changes: Sequence[Change], observe: Observe = lambda _: None
) -> list[ChangeOutcome]:
    """The outcome of every change, in the plan's order; `observe` is called as each one starts and as it ends.

    Ctrl+C, or a `KeyboardInterrupt` that `observe` raises, stops it as a refusal does: no more changes are started, and
    those under way finish, so that their outcome is known. A second one breaks off at once.
    """
    outcomes: dict[Id, ChangeOutcome] = {}
    waiting = {change.id: waits_for(change, changes) for change in changes}
    todo = list(changes)
    running: dict[Future[ChangeOutcome], Change] = {}
    stopped = interrupted = False
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while todo or running:
            try:
                done = {key for key, outcome in outcomes.items() if outcome.status is Status.DONE}
                ready = [] if stopped else [change for change in todo if waiting[change.id] <= done]
                for change in ready:
                    observe(change)
                    todo.remove(change)
                    running[pool.submit(apply_change, context, change)] = change
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for job in finished:
                    change = running.pop(job)
                    outcome = outcomes[change.id] = job.result()
                    observe(outcome)
                    stopped = stopped or outcome.status is not Status.DONE
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = stopped = True
    return [outcomes.get(change.id, ChangeOutcome(change, Status.NOT_DONE)) for change in changes]


def apply_change(context: ApplyContext, change: Change) -> ChangeOutcome:
    """The outcome of one change; if its answer was lost, look before anything is sent again."""
    started = time.monotonic()
    note = ""
    for attempt in range(1, TRIES + 1):
        try:
            context.keep_claim()
            _make_change(context, change)
        except UnknownOutcomeError as error:
            try:
                settled = _is_settled(context, change)
            except DialtoneError as second:
                return _outcome(context, change, Status.UNKNOWN, started, f"{error}; looking again failed: {second}")
            note = "no answer came; it was there when looked for"
            if not settled:
                note = "no answer came; it was not there, or not whole, when looked for, so it was sent again"
                if attempt == TRIES:
                    return _outcome(context, change, Status.UNKNOWN, started, str(error))
                continue
        except DialtoneError as error:
            return _outcome(context, change, Status.FAILED, started, str(error))
        return _outcome(context, change, Status.DONE, started, note=note)
    raise AssertionError("unreachable")


def _make_change(context: ApplyContext, change: Change) -> None:
    resource = context.resolve(change.resource)
    if change.action is Action.DELETE:
        if change.kind.delete is None:
            raise DialtoneError(f"{change.id} can't be deleted on its own")
        with suppress(AbsentError):  # gone already, which is what was wanted
            change.kind.delete(context, Resource(change.kind, change.key, change.before))
        context.remove(change.id)
        return
    make = change.kind.create if change.action is Action.CREATE else change.kind.update
    if make is None:
        raise DialtoneError(f"Twilio can't change {change.id}; delete it and run again")
    try:
        context.add(make(context, resource))
    except TwilioError as error:
        # Where Twilio refuses because it is so already, a look has to confirm that.
        is_so = error.code is not None and error.code == change.kind.already_so
        found = change.kind.find(context, resource) if is_so else None
        if found is None:
            raise
        context.add(found)


def _is_settled(context: ApplyContext, change: Change) -> bool:
    """Whether a look shows that the change has happened: a few looks, as Twilio's lists lag behind by some seconds."""
    for pause in LOOK_AGAIN_S:
        if _is_seen(context, change):
            return True
        if _is_unseen(change):
            return False
        context.wait(pause)
    return _is_seen(context, change)


def _is_seen(context: ApplyContext, change: Change) -> bool:
    """Whether one look shows that the change has happened; what is found is remembered."""
    found = change.kind.find(context, context.resolve(change.resource))
    if change.action is Action.DELETE:
        if found is None:
            context.remove(change.id)
        return found is None
    if found is None:
        return False
    wanted = context.resolve(change.resource).fields
    # Of a resource that takes several requests only the first may have arrived.
    is_compared = change.action is Action.UPDATE or change.kind.is_made_in_parts
    if is_compared and any(found.fields.get(name) != value for name, value in wanted.items()):
        return False
    if _is_unseen(change):
        return False
    context.add(found)
    return True


def _is_unseen(change: Change) -> bool:
    """Whether no look can show that the change happened: it is sent again, as the same password twice is harmless."""
    return change.action is Action.UPDATE and not change.kind.shows_updates


def _outcome(
    context: ApplyContext, change: Change, status: Status, started: float, error: str = "", note: str = ""
) -> ChangeOutcome:
    sent = context.account.transport.last.sent
    request_id = sent.request_id if sent else ""
    return ChangeOutcome(
        change, status, time.monotonic() - started, request_id, context.account.transport.redact(error), note
    )
