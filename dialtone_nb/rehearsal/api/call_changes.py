"""Changing a call that is going on, and forgetting one that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.api_2010 import classic
from dialtone_nb.rehearsal.api.calls import call_of, fetch
from dialtone_nb.rehearsal.api.outgoing_calls import LONGEST_TWIML, TWIML_TOO_LONG, refuse_what_is_not_modelled
from dialtone_nb.rehearsal.assumptions import NOT_COMPLETE_STATUS
from dialtone_nb.rehearsal.exchange.call import Ended, Interruption, LegEnded, TakenOver
from dialtone_nb.rehearsal.http.errors import Refusal, not_modelled
from dialtone_nb.rehearsal.http.operations import Answering, Ask, Reply
from dialtone_nb.rehearsal.http.parameters import Field, choice, integer, method, read_fields, url
from dialtone_nb.rehearsal.state.call_records import CallRecord, remove_call
from dialtone_nb.rehearsal.state.store import Tables

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

NOT_IN_PROGRESS, NOT_COMPLETE = 21220, 20009

FIELDS = (
    Field("Status", choice("canceled", "completed")),
    Field("Url", url, code=21205),
    Field("Method", method, code=21209),
    Field("Twiml", longest=LONGEST_TWIML, code=TWIML_TOO_LONG),
    Field("FallbackUrl", url, code=21205),
    Field("FallbackMethod", method, code=21209),
)
# Twilio heeds a status callback only beside a Url; the rehearsal does neither this nor a new time limit.
REFUSED = (Field("StatusCallback", url), Field("StatusCallbackMethod", method), Field("TimeLimit", integer))


def update(tables: Tables, ask: Ask) -> Reply:
    """The call as it is; a Refusal where it can't be changed so."""
    wanted_change(call_of(tables, ask, "Sid"), ask)
    return fetch(tables, ask)


def wanted_change(call: CallRecord, ask: Ask) -> Interruption | None:
    """What is asked for; None where nothing is, or it has no effect; a Refusal where it can't be done."""
    values = read_fields(FIELDS, ask.form)
    refuse_what_is_not_modelled(REFUSED, ask.form, "a call that is going on")
    if values.get("url") and values.get("twiml"):
        raise Refusal(20001, "Url and Twiml can't both be given")
    if call.ended is not None and values:
        raise Refusal(NOT_IN_PROGRESS, "Unable to update record. Call is not in-progress.")
    if status := values.get("status"):
        # Who cancels does not affect a call that is in progress already.
        is_heeded = status == "completed" or call.status != "in-progress"
        if call.parent_call_sid:
            return LegEnded(call.sid) if is_heeded else None
        return Ended() if is_heeded else None
    return _other_twiml(call, values)


def _other_twiml(call: CallRecord, values: dict[str, Any]) -> TakenOver | None:
    address, twiml = values.get("url", ""), values.get("twiml", "")
    if not address and not twiml:
        return None
    if call.status != "in-progress":
        raise Refusal(NOT_IN_PROGRESS, "Unable to update record. Call is not in-progress. Cannot redirect.")
    if call.parent_call_sid:
        raise not_modelled("other TwiML for a leg that was dialled; the call that dialled it can have it")
    fallback = values.get("fallback_method", "POST"), values.get("fallback_url", "")
    return TakenOver(values.get("method", "POST"), address, twiml, fallback)


async def change(exchange: Exchange, ask: Ask, answer: Answering) -> Reply:
    """The call as it is once what was asked for has been done to it."""
    reply = answer()
    with exchange.store.transaction() as tables:
        call = call_of(tables, ask, "Sid")
        wanted = wanted_change(call, ask)
    if wanted is None:
        return reply
    await exchange.interrupt(call, wanted)
    with exchange.store.transaction() as tables:
        return fetch(tables, ask)


def delete(tables: Tables, ask: Ask) -> Reply:
    """Forget the call and its events; its alerts stay."""
    call = call_of(tables, ask, "Sid")
    if call.ended is None:
        raise Refusal(NOT_COMPLETE, "Cannot delete this resource before it is complete", NOT_COMPLETE_STATUS)
    remove_call(tables, call.sid)
    return Reply(204)


OPERATIONS = (
    classic("POST", "/Calls/{Sid}", update, change),
    classic("DELETE", "/Calls/{Sid}", delete),
)
