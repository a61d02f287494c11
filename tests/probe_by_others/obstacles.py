"""What keeps things from being seen, and is no deviation: of what it hides, nothing must be believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from unittest.mock import patch

from aiosipua.message import SipResponse

from dialtone_nb.rehearsal.functions.front import Front, FunctionResponse
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Handler
from dialtone_nb.rehearsal.http.requests import HttpRequest
from dialtone_nb.rehearsal.sip.invite import InboundCalls
from dialtone_nb.rehearsal.sip.messages import Request, response_to
from dialtone_nb.rehearsal.sip.registrar import SipRegistrar
from dialtone_nb.rehearsal.state.store import Tables
from tests.probe_by_others.at_the_api import TO_NUMBERS, Answer, answered
from tests.probe_by_others.lenient import LENIENT

Obstacle = Callable[[], AbstractContextManager[object]]


def always(code: int, message: str) -> Answer:
    """Refuse whatever is asked."""

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        raise Refusal(code, message)

    return answer


def phones_may_not_call() -> AbstractContextManager[object]:
    """No phone's call is let in, as at an account that was found abused."""

    def authenticated(self: InboundCalls, request: Request, tag: str) -> SipResponse:
        return response_to(request.message, 403, tag)

    return patch.object(InboundCalls, "_authenticate", authenticated)


def phones_may_not_register() -> AbstractContextManager[object]:
    """No phone is registered."""

    def registered(self: SipRegistrar, request: Request, tag: str) -> SipResponse:
        return response_to(request.message, 403, tag)

    return patch.object(SipRegistrar, "answer", registered)


def functions_fail() -> AbstractContextManager[object]:
    """Functions run, and what they answer is lost: Twilio gets a 500."""
    answer = Front.answer

    async def failed(self: Front, incoming: HttpRequest) -> FunctionResponse:
        return replace(await answer(self, incoming), status=500, body=b"")

    return patch.object(Front, "answer", failed)


OBSTACLES: Mapping[str, Obstacle] = {
    "phones_may_not_call": phones_may_not_call,
    "phones_may_not_register": phones_may_not_register,
    "functions_fail": functions_fail,
    # A new cause of 2026: https://www.twilio.com/docs/api/errors/21216
    "api_may_not_call": lambda: answered(
        "POST", "{AccountSid}/Calls", always(21216, "Account not allowed to call: it has no Primary Customer Profile")
    ),
    # Whoever tries whether it is refused has no number any more.
    "numbers_with_addresses_are_released": LENIENT["number_has_address_code"],
    "no_number_is_sold": lambda: answered("POST", TO_NUMBERS, always(21404, "Trial accounts may have one number")),
}
