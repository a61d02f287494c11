"""Asking the live functions as Twilio does: signed, they must answer what the dial plan says; unsigned, nothing.

No call is placed: a function only says what it would have Twilio do. Each request leaves its lines in the function log
under a call SID of zeros, by which they are named `probe-…` there.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from dialtone_nb.account.account import Account
from dialtone_nb.dialplan.decide import decide, spoken_reason
from dialtone_nb.dialplan.decisions import IncomingCall, OutgoingCall
from dialtone_nb.dialplan.table import Table
from dialtone_nb.dialplan.twiml import EMERGENCY_IN_E164, status_url, twiml_of, twiml_saying
from dialtone_nb.errors import TwilioError, UnknownOutcomeError
from dialtone_nb.service.bundle import FALLBACK, OUTGOING
from dialtone_nb.values.sids import NO_CALL
from dialtone_nb.verify.checks import Check, good, unknown, wrong

SUBJECT = "Functions"
INCOMING, STATUS = "/sip-incoming", "/call-status"
# What people dial: services, the trunk, here and abroad; how softphones and address books spell it; and what must not
# go through: premium and expensive numbers, codes of no place, a country that is seldom allowed, too few digits. The
# files say what each should lead to.
REPAIRED: Final = "This line is being repaired. Please try again later."
DIALLED: Final = (
    *("911", "933", "988", "211", "#", "0", "5035550199", "15035550199", "011525555550199"),
    *("+1911", "+10", "(503) 555-0199", "+1 503 555 0199;phone-context=example.org", "9911"),
    *("9005550199", "5039765555", "8765550199", "7005550199", "5005550199", "011442079460123", "12"),
)
STRANGER: Final = "+12065550142"
NOBODYS_NUMBER: Final = "+12065550143"
ENDINGS: Final = ("completed", "busy", "no-answer", "failed")
NOBODY: Final = "nobody"
# Twilio's pages say 400 in one place and 403 in another.
REFUSED: Final = (400, 401, 403)
_SIP: Final = {"SipCallId": "verify", "SipSourceIp": "192.0.2.10"}
_PASSWORD = re.compile(r' password="[^"]*"')
_SHOWN = 160


@dataclass(frozen=True)
class Probe:
    """One request to a function, and the TwiML that it must answer (which may hold the trunk's password)."""

    function: str
    what: str
    parameters: Mapping[str, str]
    expected: str = field(repr=False)
    query: str = ""


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    """What came back; status 0 where nothing did."""

    status: int
    body: str


def make_probes(table: Table, environment: str, base: str, *, trunk_password: str) -> list[Probe]:
    """The requests for one environment at a base URL: what its phones dial, what calls its numbers, how calls end."""
    return [
        *_outgoing(table, environment, base, trunk_password),
        *_incoming(table, environment, base),
        *_endings(table),
    ]


def fallback_probes(table: Table, environment: str) -> Iterator[Probe]:
    """The requests for the function that is asked where another failed: emergency calls, and one from outside."""
    for name, client in table.environments[environment].clients.items():
        if not client.emergency:
            continue
        number = table.emergency[client.country].numbers[0]
        to = f"sip:{number}@{client.domain}"
        dialled = EMERGENCY_IN_E164.get(number, number)
        dial = f'<Dial answerOnBridge="true" callerId="{client.caller_id}" timeLimit="{table.emergency_time_limit_s}">'
        expected = f"<Response>{dial}<Number>{dialled}</Number></Dial></Response>"
        asked = _ends(f"sip:{name}@{client.domain}", to) | _SIP | {"SipDomain": client.domain}
        yield Probe(FALLBACK, f"{name} dials {number}, and its function has failed", asked, expected)
    expected = f"<Response><Say>{REPAIRED}</Say><Hangup/></Response>"
    yield Probe(FALLBACK, "a call whose function has failed", _ends(STRANGER, NOBODYS_NUMBER), expected)


def _outgoing(table: Table, environment: str, base: str, trunk_password: str) -> Iterator[Probe]:
    """Everything from one phone with an emergency address, 911 from one without, and from a phone that nobody knows.

    Each is asked with SipUsername and without: which of the two Twilio sends is not certain, and both must be answered
    alike. A phone's name at somebody else's host must be nobody's.
    """
    here = table.environments[environment]
    by_emergency = {entry.emergency: name for name, entry in reversed(here.clients.items())}
    first = by_emergency.get(True, by_emergency.get(False, ""))
    asked = [(first, dialled) for dialled in DIALLED] if first else []
    if len(by_emergency) == 2:
        asked.append((by_emergency[False], "911"))
    for client, dialled in [*asked, (NOBODY, "5035550199")]:
        domain = here.clients[client].domain if client in here.clients else here.domains.nonemergency
        to = f"sip:{quote(dialled, safe='')}@{domain}"
        decision = decide(table, OutgoingCall(environment, client, to))
        expected = twiml_of(decision, status_url(base, "outgoing", decision), trunk_password)
        asked_of = _ends(f"sip:{client}@{domain}", to) | _SIP | {"SipDomain": domain}
        what = f"{client} dials {dialled}"
        yield Probe(OUTGOING, what, asked_of | {"SipUsername": client}, expected)
        yield Probe(OUTGOING, f"{what}, without SipUsername", asked_of, expected)
    if first:
        domain = here.clients[first].domain
        from_, to = f"sip:{first}@{domain}.example", f"sip:911@{domain}"
        decision = decide(table, OutgoingCall(environment, "", to, from_))
        expected = twiml_of(decision, status_url(base, "outgoing", decision))
        asked_of = _ends(from_, to) | _SIP | {"SipDomain": domain}
        yield Probe(OUTGOING, f"a stranger calls itself {first}", asked_of, expected)


def _incoming(table: Table, environment: str, base: str) -> Iterator[Probe]:
    """A call to each number of the environment, and to one that is nobody's."""
    for number in [*table.environments[environment].numbers, NOBODYS_NUMBER]:
        decision = decide(table, IncomingCall(environment, number, STRANGER))
        expected = twiml_of(decision, status_url(base, "incoming", decision))
        yield Probe(INCOMING, f"a call to {number}", _ends(STRANGER, number), expected)


def _endings(table: Table) -> Iterator[Probe]:
    """The end of a dialled call, in each way and both directions."""
    for direction in ("outgoing", "incoming"):
        for status in ENDINGS:
            yield Probe(
                STATUS,
                f"an {direction} call that ends with {status}",
                {**_ends(STRANGER, NOBODYS_NUMBER), "DialCallStatus": status},
                twiml_saying(spoken_reason(table, direction, status)),
                urlencode({"direction": direction, "client": ""}),
            )
    for country in table.emergency:
        yield Probe(
            STATUS,
            f"an emergency call in {country or 'no country'} that fails",
            {**_ends(STRANGER, NOBODYS_NUMBER), "DialCallStatus": "failed"},
            twiml_saying(spoken_reason(table, "outgoing", "failed", country, NOBODYS_NUMBER)),
            urlencode({"direction": "outgoing", "client": "", "emergency": country}),
        )


def _ends(from_: str, to: str) -> dict[str, str]:
    return {"From": from_, "To": to, "Caller": from_, "Called": to, "CallStatus": "ringing"}


def probe_functions(
    account: Account, base: str, probes: Sequence[Probe], *, trunk_password: str, repair: str, where: str = ""
) -> Iterator[Check]:
    """A check of what each function answers to signed requests, and one of what it answers to an unsigned one.

    `where` tells the other hosting's functions from those that are asked first.
    """
    functions = tuple(dict.fromkeys(probe.function for probe in probes))
    empty = [Probe(function, "an unsigned request", {}, "") for function in functions]
    token = account.credentials.auth_token
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(lambda probe: _ask(account, base, probe, token), probes if token else ()))
        unsigned = list(pool.map(lambda probe: _ask(account, base, probe, ""), empty))
    for function in functions:
        if token:
            asked = [one for one in zip(probes, signed, strict=True) if one[0].function == function]
            yield _answers(f"{function}{where}", asked, is_password_known=bool(trunk_password), repair=repair)
        else:
            yield _cannot_sign(f"{function}{where}")
    for probe, answer in zip(empty, unsigned, strict=True):
        yield _refusal(f"{probe.function}{where}", answer, repair)


def _ask(account: Account, base: str, probe: Probe, token: str) -> FunctionResponse:
    """The function's answer to a request that is signed with the token, or to an unsigned one where that is empty."""
    from twilio.request_validator import RequestValidator

    url = f"{base}{probe.function}" + (f"?{probe.query}" if probe.query else "")
    parameters = {
        "AccountSid": account.sid,
        "ApiVersion": "2010-04-01",
        "CallSid": NO_CALL,
        "Direction": "inbound",
        **probe.parameters,
    }
    headers = {}
    if token:
        # Always the auth token: Twilio never signs with an API key's secret.
        headers["X-Twilio-Signature"] = RequestValidator(token).compute_signature(url, parameters)
    try:
        response = account.transport.send("POST", url, data=parameters, headers=headers)
    except (TwilioError, UnknownOutcomeError):
        # The function failed, or there was no answer: either way it does not answer calls.
        return FunctionResponse(0, "")
    return FunctionResponse(response.status_code, response.text)


def _cannot_sign(function: str) -> Check:
    found = "only an API key is given, and signing a request as Twilio does takes the auth token"
    repair = "set TWILIO_AUTH_TOKEN as well, and verify once more"
    return unknown(
        SUBJECT, f"answers of {function}", found, "whether it decides as the files say can't be tried", repair
    )


def _answers(
    function: str, asked: Sequence[tuple[Probe, FunctionResponse]], *, is_password_known: bool, repair: str
) -> Check:
    title = f"answers of {function}"
    faults = [one for one in asked if not _fits(*one, is_password_known=is_password_known)]
    if not faults:
        found = f"{len(asked)} signed requests, each answered as the files say"
        return good(SUBJECT, title, found, "calls are decided as the files say")
    probe, answer = faults[0]
    found = f"{len(faults)} of {len(asked)} answers differ; {probe.what}: {_told(answer)}"
    if all(answer.status in REFUSED for _, answer in faults):
        repair = "check that TWILIO_AUTH_TOKEN is the account's primary one; a new one takes some minutes to act"
    return wrong(SUBJECT, title, found, "calls go another way than the files say, or fail", repair)


def _refusal(function: str, answer: FunctionResponse, repair: str) -> Check:
    title = f"signature of {function}"
    if answer.status in REFUSED:
        found = f"an unsigned request is refused (HTTP {answer.status})"
        return good(SUBJECT, title, found, "only Twilio can ask this function")
    if answer.status in (0, 404):
        return wrong(SUBJECT, title, _told(answer), "calls that ask it fail", repair)
    found = f"an unsigned request is answered (HTTP {answer.status})"
    return wrong(SUBJECT, title, found, "anybody can ask this function, and read the dial plan out of it", repair)


def _fits(probe: Probe, answer: FunctionResponse, *, is_password_known: bool) -> bool:
    """Whether the answer is the TwiML that was expected; the trunk's password counts where it is known here."""
    if answer.status != 200:
        return False
    try:
        answered = ET.canonicalize(answer.body)
    except ET.ParseError:
        return False
    if not is_password_known:
        answered = _PASSWORD.sub("", answered)
    return answered == ET.canonicalize(probe.expected)


def _told(answer: FunctionResponse) -> str:
    """An answer in few words, without the trunk's password."""
    if answer.status == 0:
        return "it failed"
    if answer.status != 200:
        return f"HTTP {answer.status}"
    text = " ".join(_PASSWORD.sub("", answer.body).split()).partition("?>")
    shown = text[2] or text[0]
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
