"""Calls that the API places: the request's parameters, Twilio's refusals, and the queued call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dialtone_nb.rehearsal.api.collection import API_2010, account_uri
from dialtone_nb.rehearsal.api.voice.calls import call_body
from dialtone_nb.rehearsal.exchange.call_setup import (
    PROGRESS_EVENTS,
    OutboundCall,
    TwimlSource,
    keep_outbound_call,
)
from dialtone_nb.rehearsal.exchange.target_checks import is_emergency_number, is_sip_caller_id, number_fault
from dialtone_nb.rehearsal.exchange.verbs import StatusCallback
from dialtone_nb.rehearsal.http.errors import Refusal, not_modelled
from dialtone_nb.rehearsal.http.operations import Answering, ApiRequest, ApiResponse
from dialtone_nb.rehearsal.http.parameters import (
    Pairs,
    Parameter,
    flag,
    integer,
    method,
    read_parameters,
    sid,
    url,
    webhook,
)
from dialtone_nb.rehearsal.state.alerts import raise_alert
from dialtone_nb.rehearsal.state.call_records import start_call
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import parse_sip_uri

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.exchange.exchange import Exchange

LONGEST_TIMEOUT_S = 600
LONGEST_TWIML = 4000
SEND_DIGITS = re.compile(r"[0-9*#wWA-D]{0,32}")
# The API's codes for faults that have another code in a Dial (both are in Twilio's error dictionary).
REFUSED_NUMBERS = {13225: 21216, 13227: 21215}
INVALID_TO, INVALID_FROM, NOT_OWN_FROM = 21211, 21212, 21210
# Twilio's own wording, as recorded.
REFUSALS = {
    INVALID_TO: "The 'To' number {to} is not a valid phone number.",
    21215: "Account not authorized to call {to}. Perhaps you need to enable some international permissions: "
    "https://www.twilio.com/console/voice/calls/geo-permissions/low-risk",
}
INVALID_CALLBACK_EVENT, URL_AND_TWIML = 21626, 32019


def _timeout(value: str) -> int:
    seconds = integer(value)
    if not 1 <= seconds <= LONGEST_TIMEOUT_S:
        raise ValueError(f"must be from 1 to {LONGEST_TIMEOUT_S} seconds")
    return seconds


def _send_digits(value: str) -> str:
    if not SEND_DIGITS.fullmatch(value):
        raise ValueError("has at most 32 of 0-9, A-D, *, #, w and W")
    return value


FIELDS = (
    Parameter("To", required=True, code=21201),
    Parameter("From", required=True, code=21213),
    Parameter("CallerId"),
    *webhook("Url", 21205, "Method", 21209),
    Parameter("Twiml"),
    *webhook("FallbackUrl", 21205, "FallbackMethod", 21209),
    *webhook("StatusCallback", 21609, "StatusCallbackMethod", 21209),
    Parameter("SendDigits", _send_digits, code=21206),
    Parameter("Timeout", _timeout, code=21208),
    Parameter("TimeLimit", integer),
    Parameter("SipAuthUsername", longest=255, code=21221),
    Parameter("SipAuthPassword", longest=255, code=21223),
    Parameter("CallReason"),
)
# What the rehearsal does not do: refused by name, unless the value switches it off.
REFUSED = (
    Parameter("Record", flag),
    Parameter("ApplicationSid", sid("AP")),
    Parameter("MachineDetection"),
    Parameter("MachineDetectionTimeout", integer),
    Parameter("MachineDetectionSpeechThreshold", integer),
    Parameter("MachineDetectionSpeechEndThreshold", integer),
    Parameter("MachineDetectionSilenceTimeout", integer),
    Parameter("AsyncAmd"),
    Parameter("AsyncAmdStatusCallback", url),
    Parameter("AsyncAmdStatusCallbackMethod", method),
    Parameter("RecordingChannels"),
    Parameter("RecordingStatusCallback"),
    Parameter("RecordingStatusCallbackMethod", method),
    *map(Parameter, ("RecordingStatusCallbackEvent", "RecordingConfigurationId", "RecordingTrack", "Trim")),
    Parameter("Passports"),
    Parameter("Byoc", sid("BY")),
    Parameter("CallToken"),
    Parameter("ClientNotificationUrl", url),
)
ASKS_FOR_NOTHING = {"", "false", False}


def create(tables: Tables, request: ApiRequest) -> ApiResponse:
    """Create a queued call; nothing rings until the exchange takes it up."""
    refuse_long_twiml(tables, request.form)
    values = read_parameters(FIELDS, request.form)
    refuse_what_is_not_modelled(REFUSED, request.form, "a call that the API places")
    to, from_ = values["to"], values.get("caller_id") or values["from"]
    if not values.get("url") and not values.get("twiml"):
        raise Refusal(21205, "Url parameter is required")
    _check_ends(tables, to, from_)
    if values.get("sip_auth_username") and not values.get("sip_auth_password"):
        raise Refusal(21225, "SipAuthPassword is required when providing SipAuthUsername")
    own = tables.find("phone_number", "", from_)
    call = start_call(tables, from_, to, "outbound-api", "queued", phone_number_sid=own.sid if own else None)
    events = tuple(value for name, value in request.form if name == "StatusCallbackEvent")
    if strange := sorted(set(events) - set(PROGRESS_EVENTS)):
        # As recorded at Twilio: the call is placed all the same, without any status callbacks.
        raise_alert(tables, INVALID_CALLBACK_EVENT, call.sid, f"Invalid StatusCallbackEvent {strange[0]!r}")
    if values.get("url") and values.get("twiml"):
        raise_alert(tables, URL_AND_TWIML, call.sid, "Twiml and Voice URL are both set. Using Voice URL.")
        del values["twiml"]
    outbound = OutboundCall(
        twiml_source(values),
        StatusCallback(
            "" if strange else values.get("status_callback", ""),
            values.get("status_callback_method", "POST"),
            events or ("completed",),
        ),
        send_digits=values.get("send_digits", ""),
        timeout=values.get("timeout", 60),
        time_limit=values.get("time_limit"),
        username=values.get("sip_auth_username", ""),
        password=values.get("sip_auth_password", ""),
    )
    keep_outbound_call(tables, call.sid, outbound)
    body = call_body(account_uri(tables), tables.identity.account_sid, call, tables.now())
    # The response to a new call has no dates yet (recorded 2016 to 2023).
    return ApiResponse(201, body | {"date_created": None, "date_updated": None})


async def place(exchange: Exchange, request: ApiRequest, answer: Answering) -> ApiResponse:
    """Answer with the new call, and put it in the exchange's queue."""
    response = answer()
    exchange.take_up(response.body["sid"])
    return response


def refuse_long_twiml(tables: Tables, form: Pairs) -> None:
    """Raise Refusal if a call's Twiml parameter is longer than Twilio takes."""
    if len(dict(form).get("Twiml", "")) > LONGEST_TWIML:
        message = f"Twiml is longer than {LONGEST_TWIML} characters"
        raise Refusal(tables.behaviour.twiml_too_long_code, message)


def twiml_source(values: Mapping[str, Any]) -> TwimlSource:
    """The TwiML source that the parameters of a request about a call name."""
    names = ("url", "method", "fallback_url", "fallback_method", "twiml")
    return TwimlSource(**{name: values[name] for name in names if name in values})


def refuse_what_is_not_modelled(fields: Iterable[Parameter], form: Pairs, what: str) -> None:
    """Raise Refusal for the first of these parameters that asks for something, or that has an invalid value."""
    for field in fields:
        if any(value not in ASKS_FOR_NOTHING for value in read_parameters((field,), form).values()):
            raise not_modelled(f"{field.name} of {what}")


def _check_ends(tables: Tables, to: str, from_: str) -> None:
    if to.startswith("client:") or is_emergency_number(to):
        raise not_modelled(f"calls of the API to {to}")
    if to.startswith(("sip:", "sips:")):
        if not parse_sip_uri(to)[1]:
            raise Refusal(INVALID_TO, f"Invalid 'To' SIP address: {to}")
        if not is_sip_caller_id(from_):
            raise Refusal(INVALID_FROM, f"Invalid From Number (caller ID): {from_}")
        return
    if fault := number_fault(tables, to):
        code = REFUSED_NUMBERS.get(fault.code, INVALID_TO)
        raise Refusal(code, REFUSALS.get(code, "{reason}").format(to=to, reason=fault.message))
    if not re.fullmatch(r"\+[1-9][0-9]{1,14}", from_):
        raise Refusal(INVALID_FROM, f"Invalid From Number (caller ID): {from_}")
    if not tables.find("phone_number", "", from_):
        raise Refusal(NOT_OWN_FROM, f"The source phone number, {from_}, is not one of this account's numbers")


OPERATIONS = (API_2010.operation("POST", "/Calls", create, place),)
