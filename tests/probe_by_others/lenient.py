"""Another Twilio, which deviates from more assumptions: it takes what is assumed to be refused, or does not tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from unittest.mock import patch

from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.api.addresses import ADDRESSES, dependents_of
from dialtone_nb.rehearsal.api.incoming_phone_numbers import NUMBERS
from dialtone_nb.rehearsal.api.serverless.functions_and_assets import FUNCTIONS
from dialtone_nb.rehearsal.api.serverless.variables import VARIABLES
from dialtone_nb.rehearsal.api.sip import credential_lists
from dialtone_nb.rehearsal.api.sip.credential_lists import CREDENTIALS
from dialtone_nb.rehearsal.api.voice import outgoing_calls
from dialtone_nb.rehearsal.api.voice.queues import QUEUES
from dialtone_nb.rehearsal.exchange import interpreter
from dialtone_nb.rehearsal.exchange.call import BrokenOff, CallOver, Ended, LiveCall
from dialtone_nb.rehearsal.exchange.call_lifecycle import CallLifecycle
from dialtone_nb.rehearsal.exchange.call_log import LiveLeg
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
from dialtone_nb.rehearsal.exchange.dial import DialResult, DialRun, dial_parameters
from dialtone_nb.rehearsal.exchange.enqueue import QueueDialRun
from dialtone_nb.rehearsal.exchange.interpreter import Interpreter
from dialtone_nb.rehearsal.exchange.queues import leave_queue, list_places, make_queue
from dialtone_nb.rehearsal.exchange.target_checks import LEGACY_DOMAIN, NOBODY_THERE
from dialtone_nb.rehearsal.exchange.twiml_requests import Applications
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, StatusCallback
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Handler
from dialtone_nb.rehearsal.sip import admission, forking, invite
from dialtone_nb.rehearsal.sip.location_service import Aor, Binding, LocationService, TooManyBindings
from dialtone_nb.rehearsal.sip.messages import refusal_of
from dialtone_nb.rehearsal.state import dialing_permissions
from dialtone_nb.rehearsal.state.domain_access import digest_secret
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import parse_sip_uri
from tests.probe_by_others import at_the_api as at
from tests.probe_by_others.at_the_api import Answer, Deviation, answered

LARGEST_FUNCTION = 5 << 20

# --- the API ---


def taken(instead: Callable[[Tables, ApiRequest], ApiResponse], code: int = 0, words: str = "") -> Answer:
    """Do something instead of a refusal that has this code, or these words."""

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        try:
            return handler(tables, request)
        except Refusal as refusal:
            if refusal.code != code and (not words or words not in refusal.message):
                raise
            return instead(tables, request)

    return answer


def _second_queue(tables: Tables, request: ApiRequest) -> ApiResponse:
    return QUEUES.show(tables, make_queue(tables, dict(request.form)["FriendlyName"], 100), 201)


def _queue_and_its_members(tables: Tables, request: ApiRequest) -> ApiResponse:
    queue = QUEUES.at(tables, request)
    for place in list_places(tables, queue.sid):
        leave_queue(tables, queue.sid, place.member.name)
    return QUEUES.delete(tables, request)


def _credential_with_another_password(tables: Tables, request: ApiRequest) -> ApiResponse:
    form = dict(request.form)
    credential = tables.find("credential", request.names["CredentialListSid"], form["Username"])
    assert credential
    secret = digest_secret(credential.name, form["Password"])
    return CREDENTIALS.show(tables, tables.save(credential, {"digest_secret": secret}), 201)


def _variable_with_another_value(tables: Tables, request: ApiRequest) -> ApiResponse:
    form = dict(request.form)
    variable = tables.find("variable", VARIABLES.parent_sid(tables, request), form["Key"])
    assert variable
    return VARIABLES.show(tables, tables.save(variable, {"value": form["Value"]}), 201)


def _address_of_nobody(tables: Tables, request: ApiRequest) -> ApiResponse:
    for number in dependents_of(tables, ADDRESSES.at(tables, request)):
        tables.save(number, {"address_sid": None, "emergency_address_sid": None})
    return ADDRESSES.delete(tables, request)


def _queue_of_no_size(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    response = handler(tables, request)
    return response if "MaxSize" in dict(request.form) else replace(response, body=response.body | {"max_size": None})


def _number_as_it_is(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    number = tables.find("phone_number", "", dict(request.form).get("PhoneNumber", ""))
    return NUMBERS.show(tables, number, 201) if number else handler(tables, request)


def _large_function(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    return replace(FUNCTIONS, largest=LARGEST_FUNCTION).upload(tables, request)


def _bad_deployment(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    try:
        return handler(tables, request)
    except Refusal as refusal:
        if refusal.code != 20409 or dict(request.form).get("BuildSid"):
            raise
        raise Refusal(20001, "Nothing is deployed", 400) from None


# --- SIP ---


def too_many_bindings_response() -> AbstractContextManager[object]:
    """The eleventh phone takes the place of the first."""
    bind = LocationService.bind

    def bound(self: LocationService, aor: Aor, binding: Binding, now: float) -> bool:
        try:
            return bind(self, aor, binding, now)
        except TooManyBindings:
            oldest = self.bindings(aor, now)[0]
            self.unbind(aor, oldest.contact, "", 0)
            return bind(self, aor, binding, now)

    return patch.object(LocationService, "bind", bound)


def no_voice_url_response() -> AbstractContextManager[object]:
    """A call where there is no voice URL is answered, and hung up."""
    find = CallLifecycle._find

    def found(self: CallLifecycle, source: TwimlSource) -> Document | None:
        if not source.url and not source.twiml:
            self.call.answer()
            raise CallOver("failed")
        return find(self, source)

    return patch.object(CallLifecycle, "_find", found)


def never_answered_response() -> AbstractContextManager[object]:
    """A call whose TwiML comes to its end is answered all the same, and hung up."""
    carry_out = CallLifecycle._carry_out

    def carried_out(self: CallLifecycle, find: Callable[[], Document | None]) -> None:
        carry_out(self, find)
        self.call.answer()

    return patch.object(CallLifecycle, "_carry_out", carried_out)


def twilio_error_header() -> AbstractContextManager[object]:
    """X-Twilio-Error has no words."""

    def refusal(
        request: SipRequest, status: int, tag: str, code: int | None = None, *, in_words: bool = True
    ) -> SipResponse:
        return refusal_of(request, status, tag, code, in_words=False)

    patched = ExitStack()
    for module in (admission, invite):
        patched.enter_context(patch.object(module, "refusal_of", refusal))
    return patched


# --- calls ---


def not_registered_response() -> AbstractContextManager[object]:
    """Where no phone was asked, there is no DialSipResponseCode."""

    def told(call: LiveCall, result: DialResult) -> dict[str, str]:
        parameters = dial_parameters(call, result)
        if result.complaint and result.complaint.code in NOBODY_THERE:
            parameters.pop("DialSipResponseCode", None)
        return parameters

    return patch.object(interpreter, "dial_parameters", told)


def declined_status() -> AbstractContextManager[object]:
    """A phone that declines has canceled."""
    patched = ExitStack()
    patched.enter_context(patch.object(forking, "DECLINED", 0))
    patched.enter_context(patch.dict(forking.STATUS_OF, {603: "canceled"}))
    return patched


def dial_ends_as() -> AbstractContextManager[object]:
    """A Dial in sequence that nobody answers ends as its first leg did."""
    run = DialRun.run

    def ran(self: DialRun) -> DialResult:
        if not self.dial.sequential or not self.dial.targets:
            return run(self)
        tried: list[DialResult] = []
        for target in self.dial.targets:
            tried.append(self._try((target,)))
            if tried[-1].is_answered or tried[-1].broken_off:
                return tried[-1]
        return tried[0]

    return patch.object(DialRun, "run", ran)


def ended_unanswered() -> AbstractContextManager[object]:
    """A call that is ended by the API before it was answered has failed."""
    bring_to_end = CallLifecycle._bring_to_end

    def brought(self: CallLifecycle, carry: Callable[[], None]) -> None:
        def carried() -> None:
            try:
                carry()
            except Ended:
                if self.call.own.record.answered is None:
                    raise CallOver("failed") from None
                raise

        bring_to_end(self, carried)

    return patch.object(CallLifecycle, "_bring_to_end", brought)


def legacy_unregistered_status() -> AbstractContextManager[object]:
    """A phone that is dialled by an old name of its domain, and not there, is a failure."""
    end = DialRun._end

    def ended(self: DialRun, leg: LiveLeg, status: str, sip_response: int | None = None) -> None:
        host = parse_sip_uri(leg.record.to)[1]
        # A leg that rang and was not answered ends by 487.
        is_gone = status == "no-answer" and sip_response not in {None, 487} and LEGACY_DOMAIN.fullmatch(host)
        end(self, leg, "failed" if is_gone else status, sip_response)

    return patch.object(DialRun, "_end", ended)


def hung_up_before_joined() -> AbstractContextManager[object]:
    """A Dial whose called party was never joined asks no action: its document goes on."""
    go_on = Interpreter._go_on

    def gone_on(
        self: Interpreter, action: str | None, method: str, url: str, told: dict[str, str], broken_off: BrokenOff | None
    ) -> Document | None:
        is_never_joined = told.get("DialCallStatus") == "completed" and told.get("DialBridged") == "false"
        # Its document was there, and hung up; what becomes of a Dial without it is another assumption.
        is_fetched = bool(self.call.applications.asked) and self.call.applications.asked[-1]["status"] == 200
        if is_never_joined and is_fetched and "QueueSid" not in told and broken_off is None:
            return None
        return go_on(self, action, method, url, told, broken_off)

    return patch.object(Interpreter, "_go_on", gone_on)


def dequeued_never_joined() -> AbstractContextManager[object]:
    """Who dialled a queue and talked with nobody is not told what came of it."""
    run = QueueDialRun.run

    def ran(self: QueueDialRun) -> DialResult:
        result = run(self)
        if result.is_bridged or "DequeuedCallSid" not in result.of_queue:
            return result
        return replace(
            result, of_queue={key: value for key, value in result.of_queue.items() if key != "DequeueResult"}
        )

    return patch.object(QueueDialRun, "run", ran)


def sequence_number_counts() -> AbstractContextManager[object]:
    """Status callbacks have no SequenceNumber."""
    tell = Applications.tell

    def told(
        self: Applications,
        leg: LiveLeg,
        callback: StatusCallback,
        extra: dict[str, str],
        what: str,
        *,
        status: str = "",
    ) -> None:
        kept = {key: value for key, value in extra.items() if key != "SequenceNumber"}
        tell(self, leg, callback, kept, what, status=status)

    return patch.object(Applications, "tell", told)


def no_emergency_calling_code() -> AbstractContextManager[object]:
    """An emergency call where there is no emergency calling fails without an alert."""
    alert = LiveCall.alert

    def alerted(self: LiveCall, complaint: Complaint) -> None:
        if "emergency calling is not enabled" not in complaint.message:
            alert(self, complaint)

    return patch.object(LiveCall, "alert", alerted)


def refused_url_status() -> AbstractContextManager[object]:
    """A call whose voice URL answers 403 is busy."""
    apologize = Interpreter.tell_application_error

    def told(self: Interpreter) -> None:
        asked = self.call.applications.asked
        if asked and asked[-1]["status"] == 403 and self.call.own.record.answered is None:
            raise CallOver("busy", 486)
        apologize(self)

    return patch.object(Interpreter, "tell_application_error", told)


LENIENT: Mapping[str, Deviation] = {
    "queue_name_taken_code": lambda: answered("POST", at.TO_QUEUES, taken(_second_queue, words="exists already")),
    "queue_max_size": lambda: answered("POST", at.TO_QUEUES, _queue_of_no_size),
    "queue_not_empty_code": lambda: answered("DELETE", at.TO_QUEUE, taken(_queue_and_its_members, words="not empty")),
    "twiml_too_long_code": lambda: patch.object(outgoing_calls, "refuse_long_twiml", lambda tables, form: None),
    "not_complete_status": lambda: answered("DELETE", at.TO_CALL, taken(lambda *_: ApiResponse(204), 20009)),
    "credential_taken_code": lambda: answered(
        "POST", at.TO_CREDENTIALS, taken(_credential_with_another_password, words="already exists in this list")
    ),
    "weak_password_code": lambda: patch.object(credential_lists, "_password", str),
    "variable_taken_status": lambda: answered("POST", at.TO_VARIABLES, taken(_variable_with_another_value, 20409)),
    "number_has_address_code": lambda: answered("DELETE", at.TO_NUMBER, taken(NUMBERS.delete, words="Unregister")),
    "address_in_use_code": lambda: answered("DELETE", at.TO_ADDRESS, taken(_address_of_nobody, words="is used by")),
    "buying_what_is_owned": lambda: answered("POST", at.TO_NUMBERS, _number_as_it_is),
    "largest_function": lambda: answered("POST", at.TO_VERSIONS, _large_function),
    "nothing_deployed_again_status": lambda: answered("POST", at.TO_DEPLOYMENTS, _bad_deployment),
    "bulk_update_keys": lambda: answered("POST", at.TO_BULK_UPDATES, at.permissions_spelt(at.pascal_case)),
    "countries_at_first": lambda: patch.object(dialing_permissions, "AT_FIRST", frozenset({"US"})),
    "too_fast_response": lambda: patch.object(LocationService, "is_too_fast", lambda self, aor, now: False),
    "insecure_response": lambda: patch.object(invite, "call_complaint", lambda domain, transport, profile: None),
} | {
    deviation.__name__: deviation
    for deviation in (
        too_many_bindings_response,
        no_voice_url_response,
        never_answered_response,
        twilio_error_header,
        not_registered_response,
        declined_status,
        dial_ends_as,
        ended_unanswered,
        legacy_unregistered_status,
        hung_up_before_joined,
        dequeued_never_joined,
        sequence_number_counts,
        no_emergency_calling_code,
        refused_url_status,
    )
}
