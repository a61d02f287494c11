"""What this Twilio does otherwise in calls: its SIP responses, how it carries out TwiML, what it tells webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from urllib.parse import urljoin

from aiosipua.message import SipRequest, SipResponse

from dialtone_nb.rehearsal.exchange import interpreter, target_checks, webhooks
from dialtone_nb.rehearsal.exchange.call import BrokenOff, CallOver, LiveCall
from dialtone_nb.rehearsal.exchange.call_lifecycle import CallLifecycle
from dialtone_nb.rehearsal.exchange.call_log import LiveLeg
from dialtone_nb.rehearsal.exchange.call_setup import TwimlSource
from dialtone_nb.rehearsal.exchange.dial import DialResult, DialRun, dial_parameters
from dialtone_nb.rehearsal.exchange.enqueue import QueueDialRun
from dialtone_nb.rehearsal.exchange.interpreter import Interpreter
from dialtone_nb.rehearsal.exchange.lines import DigitTerms, HungUp, Line
from dialtone_nb.rehearsal.exchange.simulated_lines import SimulatedLine
from dialtone_nb.rehearsal.exchange.target_checks import NOBODY_THERE, CheckedTarget
from dialtone_nb.rehearsal.exchange.twiml_requests import Applications
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, Prompt
from dialtone_nb.rehearsal.functions import deployed
from dialtone_nb.rehearsal.sip import admission, invite
from dialtone_nb.rehearsal.sip.messages import Request, refusal_of, response_to
from dialtone_nb.rehearsal.sip.phone_line import PhoneLine
from dialtone_nb.rehearsal.sip.registrar import SipRegistrar
from dialtone_nb.rehearsal.state.store import Tables, Thing

Deviation = Callable[[], AbstractContextManager[object]]
# The one code whose words in X-Twilio-Error were recorded.
ADDRESS_NOT_LISTED = 32201

# --- SIP's responses ---


def too_many_bindings_response() -> AbstractContextManager[object]:
    """An eleventh registration is a bad request."""
    keep = SipRegistrar._keep

    def kept(self: SipRegistrar, request: Request, tag: str, domain: Thing, user: str) -> SipResponse:
        response = keep(self, request, tag, domain, user)
        # It lets everybody in by now: what it refuses as forbidden is one binding too many.
        return response_to(request.message, 400, tag) if response.status_code == 403 else response

    return patch.object(SipRegistrar, "_keep", kept)


def too_fast_response() -> AbstractContextManager[object]:
    """Who registers too often is answered as by an HTTP API."""
    keep = SipRegistrar._keep

    def kept(self: SipRegistrar, request: Request, tag: str, domain: Thing, user: str) -> SipResponse:
        response = keep(self, request, tag, domain, user)
        if response.status_code != 503:
            return response
        return response_to(request.message, 429, tag, Retry_After=response.get_header("Retry-After") or "5")

    return patch.object(SipRegistrar, "_keep", kept)


def no_voice_url_response() -> AbstractContextManager[object]:
    """A domain or number without a voice URL is a server's error."""
    find = CallLifecycle._find

    def found(self: CallLifecycle, source: TwimlSource) -> Document | None:
        if not source.url and not source.twiml:
            raise CallOver("failed", 500)
        return find(self, source)

    return patch.object(CallLifecycle, "_find", found)


def never_answered_response() -> AbstractContextManager[object]:
    """A caller whose TwiML comes to its end without an answer is forbidden to call."""
    carry_out = CallLifecycle._carry_out

    def carried_out(self: CallLifecycle, find: Callable[[], Document | None]) -> None:
        carry_out(self, find)
        if self.call.own.record.answered is None:
            raise CallOver(sip_response=403)

    return patch.object(CallLifecycle, "_carry_out", carried_out)


def twilio_error_header() -> AbstractContextManager[object]:
    """X-Twilio-Error comes with the code whose words were recorded, and with no other."""

    def refusal(
        request: SipRequest, status: int, tag: str, code: int | None = None, *, in_words: bool = True
    ) -> SipResponse:
        return refusal_of(request, status, tag, code if code == ADDRESS_NOT_LISTED else None, in_words=in_words)

    patched = ExitStack()
    for module in (admission, invite):
        patched.enter_context(patch.object(module, "refusal_of", refusal))
    return patched


# --- which targets are taken ---


def takes_bare_911() -> AbstractContextManager[object]:
    """911 and 933 need no country code."""
    return patch.object(target_checks, "NORTH_AMERICAN", frozenset())


def no_emergency_calling_code() -> AbstractContextManager[object]:
    """An emergency call where there is no emergency calling is one to a blocked number."""
    check = target_checks._check_emergency

    def checked(tables: Tables, target: CheckedTarget, country: str, domain: Thing | None) -> CheckedTarget | Complaint:
        found = check(tables, target, country, domain)
        is_off = isinstance(found, Complaint) and "emergency calling is not enabled" in found.message
        return replace(found, code=13225) if isinstance(found, Complaint) and is_off else found

    return patch.object(target_checks, "_check_emergency", checked)


# --- what becomes of a Dial, a Gather, a queue ---


def not_registered_response() -> AbstractContextManager[object]:
    """A phone that is not registered is gone."""
    tell = dial_parameters

    def told(call: LiveCall, result: DialResult) -> dict[str, str]:
        is_nobody_there = result.complaint is not None and result.complaint.code in NOBODY_THERE
        return tell(call, result) | ({"DialSipResponseCode": "410"} if is_nobody_there else {})

    return patch.object(interpreter, "dial_parameters", told)


def asks_action_of_calls_given_up() -> AbstractContextManager[object]:
    """A Dial's action is asked whoever hangs up, and whenever."""
    go_on = Interpreter._go_on

    def gone_on(
        self: Interpreter, action: str | None, method: str, url: str, told: dict[str, str], broken_off: BrokenOff | None
    ) -> Document | None:
        is_given_up = isinstance(broken_off, HungUp) and self.leg.record.answered is None
        if is_given_up and action is not None:
            self.call.applications.ask(self.leg, method, urljoin(url, action), told)
        return go_on(self, action, method, url, told, broken_off)

    return patch.object(Interpreter, "_go_on", gone_on)


def hung_up_before_joined() -> AbstractContextManager[object]:
    """A called party that hangs up before the two are joined has answered, and no more."""
    talk = DialRun._talk

    def talked(self: DialRun, leg: LiveLeg, line: Line) -> DialResult:
        result = talk(self, leg, line)
        return result if result.is_bridged or result.broken_off else replace(result, status="answered")

    return patch.object(DialRun, "_talk", talked)


def unfetched_whisper() -> AbstractContextManager[object]:
    """A called party whose own document can't be fetched hears none, and is joined."""
    other = Interpreter._another

    def another(self: Interpreter, method: str, url: str, extra: dict[str, str] | None = None) -> Document:
        if self.is_own:
            return other(self, method, url, extra)
        document = self.call.applications.ask_for_twiml(self.leg, method, url, self.tell() | (extra or {}))
        return document or Document((), url=url)

    return patch.object(Interpreter, "_another", another)


def refused_url_status() -> AbstractContextManager[object]:
    """A call whose voice URL answers 403 fails, and hears no apology."""
    apologize = Interpreter.tell_application_error

    def told(self: Interpreter) -> None:
        asked = self.call.applications.asked
        if asked and asked[-1]["status"] == 403 and self.call.own.record.answered is None:
            raise CallOver("failed", 403)
        apologize(self)

    return patch.object(Interpreter, "tell_application_error", told)


def keys_after_gather() -> AbstractContextManager[object]:
    """Keys that are pressed when a Gather has all that it wants are there for the next."""
    collect, collect_in_loop = SimulatedLine.collect, PhoneLine._collect

    def collected(self: SimulatedLine, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        return collect(self, prompts, replace(terms, keeps_rest=True))

    async def collected_in_loop(self: PhoneLine, sound: bytes, terms: DigitTerms) -> str:
        kept = [self._keys.get_nowait() for _ in range(self._keys.qsize())]
        collecting = asyncio.ensure_future(collect_in_loop(self, sound, terms))
        await asyncio.sleep(0)  # it begins by forgetting all keys, those of this moment included: there are none
        for key in kept:
            self._keys.put_nowait(key)
        return await collecting

    patched = ExitStack()
    patched.enter_context(patch.object(SimulatedLine, "collect", collected))
    patched.enter_context(patch.object(PhoneLine, "_collect", collected_in_loop))
    return patched


def dequeued_never_joined() -> AbstractContextManager[object]:
    """A Dial of a queue that ends before the two are joined says how far it came."""
    run = QueueDialRun.run

    def ran(self: QueueDialRun) -> DialResult:
        result = run(self)
        if result.is_bridged or "DequeuedCallSid" not in result.of_queue:
            return result
        return replace(result, of_queue={**result.of_queue, "DequeueResult": "bridging-in-process"})

    return patch.object(QueueDialRun, "run", ran)


# --- what applications are told ---


def sends_sip_username() -> AbstractContextManager[object]:
    """Webhooks of a phone's call say who authenticated."""
    tell = webhooks._phone_parameters

    def told(*about: Any) -> dict[str, str]:
        phone = next(one for one in about if isinstance(one, webhooks.CallingPhone))
        return tell(*about) | {"SipUsername": phone.username}

    return patch.object(webhooks, "_phone_parameters", told)


def sequence_number_counts() -> AbstractContextManager[object]:
    """SequenceNumber counts what this callback was told, and nothing else."""
    tell = Applications.tell_progress

    def told(self: Applications, leg: LiveLeg, event: str) -> None:
        before = leg.told
        tell(self, leg, event)
        if not leg.callback.wants(event):
            leg.told = before

    return patch.object(Applications, "tell_progress", told)


def process_env() -> AbstractContextManager[object]:
    """A function's process.env has its environment's variables alone."""

    def told(tables: Tables, service: Thing, environment: Thing) -> dict[str, str]:
        listed = tables.list("variable", environment.sid)
        return {variable.body["key"]: variable.body["value"] for variable in listed}

    return patch.object(deployed, "process_env_of", told)


DEVIATIONS: Mapping[str, Deviation] = {
    deviation.__name__: deviation
    for deviation in (
        too_many_bindings_response,
        too_fast_response,
        no_voice_url_response,
        never_answered_response,
        twilio_error_header,
        takes_bare_911,
        no_emergency_calling_code,
        not_registered_response,
        asks_action_of_calls_given_up,
        hung_up_before_joined,
        unfetched_whisper,
        refused_url_status,
        keys_after_gather,
        dequeued_never_joined,
        sends_sip_username,
        sequence_number_counts,
        process_env,
    )
}
