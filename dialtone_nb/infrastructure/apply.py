"""A plan's changes, carried out: in order, independent ones side by side, stopping at the first refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from dialtone_nb.errors import AbsentError, DialtoneError, TwilioError, UnknownOutcomeError
from dialtone_nb.infrastructure.plan import Action, Change, waits_for
from dialtone_nb.infrastructure.resources import HANDLERS
from dialtone_nb.infrastructure.resources.apply_context import Work
from dialtone_nb.infrastructure.resources.model import Id, Item, Kind

SIDE_BY_SIDE = 6
# How often a change is tried whose outcome stayed unknown and which, looked for, was not there.
TRIES = 3
# How long to wait between looks, in seconds, before what is not seen counts as not there.
LOOK_AGAIN_S = (1, 2, 4)
ALREADY_DEPLOYED = 20409


class Status(StrEnum):
    """What became of a change."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_DONE = "not done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: how long it took in seconds, Twilio's request id, and the error where it failed."""

    change: Change
    status: Status
    seconds: float = 0.0
    request_id: str = ""
    error: str = ""
    # Where an answer was lost and the thing was looked for instead.
    note: str = ""


Observe = Callable[[Outcome | Change], None]


def apply_changes(work: Work, changes: Sequence[Change], observe: Observe = lambda _: None) -> list[Outcome]:
    """What became of every change, in the plan's order; `observe` hears of each as it starts and as it ends."""
    outcomes: dict[Id, Outcome] = {}
    waiting = {change.id: waits_for(change, changes) for change in changes}
    todo = list(changes)
    running: dict[Future[Outcome], Change] = {}
    stopped = False
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while todo or running:
            done = {key for key, outcome in outcomes.items() if outcome.status is Status.DONE}
            ready = [] if stopped else [change for change in todo if waiting[change.id] <= done]
            for change in ready:
                todo.remove(change)
                observe(change)
                running[pool.submit(apply_change, work, change)] = change
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for job in finished:
                change = running.pop(job)
                outcome = outcomes[change.id] = job.result()
                observe(outcome)
                stopped = stopped or outcome.status is not Status.DONE
    return [outcomes.get(change.id, Outcome(change, Status.NOT_DONE)) for change in changes]


def apply_change(work: Work, change: Change) -> Outcome:
    """What became of one change; an answer that was lost is looked for before anything is sent again."""
    started = time.monotonic()
    note = ""
    for attempt in range(1, TRIES + 1):
        try:
            work.keep_claim()
            _carry_out(work, change)
        except UnknownOutcomeError as error:
            try:
                settled = _is_settled(work, change)
            except DialtoneError as second:
                return _outcome(work, change, Status.UNKNOWN, started, f"{error}; looking again failed: {second}")
            note = "no answer came; it was there when looked for"
            if not settled:
                note = "no answer came; it was not there, or not whole, when looked for, so it was sent again"
                if attempt == TRIES:
                    return _outcome(work, change, Status.UNKNOWN, started, str(error))
                continue
        except DialtoneError as error:
            return _outcome(work, change, Status.FAILED, started, str(error))
        return _outcome(work, change, Status.DONE, started, note=note)
    raise AssertionError("unreachable")


def _carry_out(work: Work, change: Change) -> None:
    handler = HANDLERS[change.kind]
    item = work.resolve(change.item)
    if change.action is Action.DELETE:
        if handler.delete is None:
            raise DialtoneError(f"{change.id} can't be deleted on its own")
        with suppress(AbsentError):  # gone already, which is what was wanted
            handler.delete(work, Item(change.kind, change.key, change.before))
        work.remove(change.id)
        return
    make = handler.create if change.action is Action.CREATE else handler.update
    if make is None:
        raise DialtoneError(f"Twilio can't change {change.id}; delete it and run again")
    try:
        work.add(make(work, item))
    except TwilioError as error:
        # The only refusal that means "it is so already", and only where a look says so too.
        found = handler.find(work, item) if change.kind is Kind.DEPLOYMENT and error.code == ALREADY_DEPLOYED else None
        if found is None:
            raise
        work.add(found)


def _is_settled(work: Work, change: Change) -> bool:
    """Whether a look shows that the change has happened: a few looks, as Twilio's lists lag behind by some seconds."""
    for pause in LOOK_AGAIN_S:
        if _is_seen(work, change):
            return True
        # What a password is can't be seen, however long one looks.
        if change.kind is Kind.CREDENTIAL and change.action is Action.UPDATE:
            return False
        work.wait(pause)
    return _is_seen(work, change)


def _is_seen(work: Work, change: Change) -> bool:
    """Whether one look shows that the change has happened; what is found is remembered."""
    found = HANDLERS[change.kind].find(work, work.resolve(change.item))
    if change.action is Action.DELETE:
        if found is None:
            work.remove(change.id)
        return found is None
    if found is None:
        return False
    wanted = work.resolve(change.item).fields
    # A number is bought by one request and gets its emergency address by another: with the first alone it is not done.
    is_compared = change.action is Action.UPDATE or change.kind is Kind.PHONE_NUMBER
    if is_compared and any(found.fields.get(name) != value for name, value in wanted.items()):
        return False
    # A password can't be read back, so an update of one is sent again; the same password twice does no harm.
    if change.kind is Kind.CREDENTIAL and change.action is Action.UPDATE:
        return False
    work.add(found)
    return True


def _outcome(work: Work, change: Change, status: Status, started: float, error: str = "", note: str = "") -> Outcome:
    exchange = getattr(work.account.transport.last, "exchange", None)
    request_id = exchange.request_id if exchange else ""
    return Outcome(change, status, time.monotonic() - started, request_id, work.account.transport.redact(error), note)
