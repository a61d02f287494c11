"""Things in the way of probes, while nothing deviates: what they hide is open, and says so; a few probes for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from aiosipua.message import SipResponse

from dialtone_nb.probe import stage
from dialtone_nb.probe.findings import Findings, Verdict, carry_out
from dialtone_nb.probe.probes import Choice, load_probes
from dialtone_nb.rehearsal.functions.front import Front, FunctionResponse
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Handler
from dialtone_nb.rehearsal.http.requests import HttpRequest
from dialtone_nb.rehearsal.sip.invite import AuthenticatedCaller, InboundCalls
from dialtone_nb.rehearsal.sip.messages import Request, response_to
from dialtone_nb.rehearsal.state.store import Tables
from tests.probe_by_others.at_the_api import TO_CREDENTIALS, TO_NUMBERS, TO_QUEUES, Answer, answered
from tests.probe_by_others.deviating_twilio import TWILIOS, deviating_twilio
from tests.probe_by_others.obstacles import always
from tests.probe_by_others.probing import ADDRESS, account_of

Obstacle = Callable[[], AbstractContextManager[object]]
LATE_S = 3.0


def webhooks_fail() -> AbstractContextManager[object]:
    """Whoever asks a function gets its answer, but for Twilio itself."""
    answer = Front.answer

    async def failed(self: Front, incoming: HttpRequest) -> FunctionResponse:
        response = await answer(self, incoming)
        return replace(response, status=500, body=b"") if "x-twilio-signature" in incoming.headers else response

    return patch.object(Front, "answer", failed)


def phones_may_call(times: int) -> AbstractContextManager[object]:
    """Phones' calls are let in so many times, and then no more."""
    authenticate, calls = InboundCalls._authenticate, count(1)

    def authenticated(self: InboundCalls, request: Request, tag: str) -> AuthenticatedCaller | SipResponse:
        is_proved = request.message.get_header("Proxy-Authorization") is not None
        if is_proved and next(calls) > times:
            return response_to(request.message, 403, tag)
        return authenticate(self, request, tag)

    return patch.object(InboundCalls, "_authenticate", authenticated)


def at_most(most: int, code: int) -> Answer:
    """Take so many requests, and refuse the rest."""
    taken = count(1)

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        if next(taken) > most:
            raise Refusal(code, "There are enough of them")
        return handler(tables, request)

    return answer


def _empty(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    response = handler(tables, request)
    lists: dict[str, list[object]] = {name: [] for name, value in response.body.items() if isinstance(value, list)}
    return replace(response, body=response.body | lists)


def late_logs() -> AbstractContextManager[object]:
    """What functions log is there seconds later."""
    began = dict[str, float]()

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        response, now = handler(tables, request), time.monotonic()
        shown = [one for one in response.body["logs"] if now - began.setdefault(one["sid"], now) > LATE_S]
        return replace(response, body=response.body | {"logs": shown})

    return answered("GET", "/Logs", answer)


def probed(
    folder: Path, obstacle: AbstractContextManager[object], rows: Sequence[str], deviations: Sequence[str] = ()
) -> Findings:
    """What the probes of these rows find behind an obstacle, and after those that they need."""
    chosen = tuple(one for one in load_probes() if one.settles in rows)
    with (
        obstacle,
        # Most of what is waited for here never comes.
        patch.object(stage, "LONG_PATIENCE_REHEARSED_S", 2 * LATE_S),
        deviating_twilio(folder, names=deviations) as running,
        account_of(running) as account,
    ):
        return carry_out(account, ADDRESS, Choice(chosen, {}))


BOUGHT = "takes_emergency_address_at_purchase"


@pytest.mark.parametrize(
    ("obstacle", "row", "why"),
    [
        (
            webhooks_fail,
            "asks_action_of_calls_given_up",
            "answered as a function says: a line of it failed, SEE /hello",
        ),
        (lambda: phones_may_call(0), "insecure_response", "a phone's call is let in"),
        (lambda: phones_may_call(1), "no_voice_url_response", "a phone's call is let in"),
        (lambda: answered("GET", "/Logs", _empty), "sends_sip_username", "what they are told is in their log"),
        (lambda: answered("POST", "/Builds", always(20001, "No")), "process_env", "functions answer"),
        (lambda: answered("POST", "/SIP/Domains", always(20003, "No")), "too_fast_response", "a SIP domain"),
        (lambda: answered("GET", "/Alerts", always(20003, "No")), "no_emergency_calling_code", "an alert comes"),
        (lambda: answered("GET", "/Alerts", _empty), "no_emergency_calling_code", "an alert comes"),
        (lambda: answered("POST", TO_QUEUES, at_most(1, 20001)), "queue_name_taken_code", "-2-other"),
        (lambda: answered("POST", TO_CREDENTIALS, at_most(5, 21241)), "weak_password_code", "Username=strong"),
        (lambda: answered("POST", "/Variables", at_most(1, 20001)), "variable_taken_status", "Key=PROBE_TOO"),
        (lambda: answered("POST", TO_NUMBERS, at_most(1, 21404)), "buying_what_is_owned", "another reason: 400 21404"),
        (lambda: answered("POST", "/BulkCountryUpdates", always(20001, "No")), "bulk_update_keys", "each was refused"),
    ],
)
def test_what_is_hidden_is_open_and_says_why(tmp_path: Path, obstacle: Obstacle, row: str, why: str) -> None:
    """Whether the obstacle is there from the beginning or comes later."""
    rows = [row, BOUGHT] if row == "buying_what_is_owned" else [row]
    found = next(one for one in probed(tmp_path, obstacle(), rows).findings if one.id == row)
    assert (found.verdict, found.observed) == (Verdict.OPEN, None)
    assert found.why.startswith("could not be tried, because ")
    assert why in found.why


def test_what_is_late_is_waited_for(tmp_path: Path) -> None:
    """A log that lags behind is no sign that nothing was asked."""
    row = "asks_action_of_calls_given_up"
    assert row in TWILIOS["deviating"]
    findings = probed(tmp_path, late_logs(), [row], [row])
    assert {one.id: one.observed for one in findings.of(Verdict.DIFFERS)} == {row: True}


def test_several_obstacles_end_no_run(tmp_path: Path) -> None:
    """Each row has a finding, and what nothing is in the way of is settled."""
    with ExitStack() as stack:
        for path in ("/Builds", "/SIP/Domains", "/Addresses"):
            stack.enter_context(answered("POST", path, always(20001, "No")))
        findings = probed(tmp_path, stack.pop_all(), [one.settles for one in load_probes()])
    assert findings.of(Verdict.DIFFERS) == []
    held = {one.id for one in findings.of(Verdict.HOLDS)}
    assert held >= {"queue_max_size", "queue_name_taken_code", "variable_taken_status", "countries_at_first"}
    assert len(findings.of(Verdict.OPEN)) == len(load_probes()) - len(held)
    assert findings.left == ()
