"""Changing a call in progress, and deleting a call that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.collection import API_2010
from dialtone_nb.rehearsal.api.voice.calls import call_of, fetch
from dialtone_nb.rehearsal.api.voice.outgoing_calls import refuse_long_twiml, refuse_what_is_not_modelled, twiml_source
from dialtone_nb.rehearsal.exchange.call import Ended, Interruption, LegEnded, TakenOver
from dialtone_nb.rehearsal.http.errors import Refusal, not_modelled
from dialtone_nb.rehearsal.http.operations import Answering, ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, integer, method, read_parameters, url, webhook
from dialtone_nb.rehearsal.state.call_records import CallRecord, remove_call
from dialtone_nb.rehearsal.state.store import Tables

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

NOT_IN_PROGRESS, NOT_COMPLETE = 21220, 20009

FIELDS = (
    Parameter("Status", choice("canceled", "completed")),
    *webhook("Url", 21205, "Method", 21209),
    Parameter("Twiml"),
    *webhook("FallbackUrl", 21205, "FallbackMethod", 21209),
)
# Twilio heeds a status callback only together with a Url. The rehearsal models neither that nor a new time limit.
REFUSED = (Parameter("StatusCallback", url), Parameter("StatusCallbackMethod", method), Parameter("TimeLimit", integer))


def update(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The call before the change; raises Refusal if the change is not possible."""
    refuse_long_twiml(tables, request.form)
    wanted_change(call_of(tables, request, "Sid"), request)
    return fetch(tables, request)


def wanted_change(call: CallRecord, request: ApiRequest) -> Interruption | None:
    """The interruption that a request asks for, or None if it has no effect; raises Refusal if it is not possible."""
    values = read_parameters(FIELDS, request.form)
    refuse_what_is_not_modelled(REFUSED, request.form, "a call that is going on")
    if values.get("url") and values.get("twiml"):
        raise Refusal(20001, "Url and Twiml can't both be given")
    if call.ended is not None and values:
        raise Refusal(NOT_IN_PROGRESS, "Unable to update record. Call is not in-progress.")
    if status := values.get("status"):
        # `canceled` has no effect on a call that is in progress already.
        is_heeded = status == "completed" or call.status != "in-progress"
        if call.parent_call_sid:
            return LegEnded() if is_heeded else None
        return Ended() if is_heeded else None
    return _other_twiml(call, values)


def _other_twiml(call: CallRecord, values: dict[str, Any]) -> TakenOver | None:
    if not values.get("url") and not values.get("twiml"):
        return None
    if call.status != "in-progress":
        raise Refusal(NOT_IN_PROGRESS, "Unable to update record. Call is not in-progress. Cannot redirect.")
    if call.parent_call_sid:
        raise not_modelled("other TwiML for a leg that was dialled; the call that dialled it can have it")
    return TakenOver(twiml_source(values))


async def change(exchange: Exchange, request: ApiRequest, answer: Answering) -> ApiResponse:
    """Change the call at the exchange, and answer with it as it is afterwards."""
    response = answer()
    with exchange.store.transaction() as tables:
        call = call_of(tables, request, "Sid")
        wanted = wanted_change(call, request)
    if wanted is None:
        return response
    await exchange.interrupt(call, wanted)
    with exchange.store.transaction() as tables:
        return fetch(tables, request)


def delete(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Delete a call that has ended, and its events; its alerts stay."""
    call = call_of(tables, request, "Sid")
    if call.ended is None:
        raise Refusal(
            NOT_COMPLETE, "Cannot delete this resource before it is complete", tables.behaviour.not_complete_status
        )
    remove_call(tables, call.sid)
    return ApiResponse(204)


OPERATIONS = (
    API_2010.operation("POST", "/Calls/{Sid}", update, change),
    API_2010.operation("DELETE", "/Calls/{Sid}", delete),
)
