"""A decision -> TwiML. Only this Python module writes it; the service's `twiml.private.js` writes the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from dialtone_nb.dialplan.decisions import Decision, DialEmergency, DialPstn, DialTrunk, Refuse, RingClient

# North America's emergency number and its test line in the form for <Number>. Twilio's page on emergency numbers (June
# 2026) has them with and without the calling code. Futel's network changed from +911 to +1911 in May 2023 and still
# dials +1911 and +1933; no network was found that dials the bare form. twiml.private.js has the same table.
EMERGENCY_IN_E164: Final = MappingProxyType({"911": "+1911", "933": "+1933"})

_UNESCAPED: Final = "!*'()"


def twiml_of(decision: Decision, status_url: str, trunk_password: str = "") -> str:
    """The TwiML that carries out a decision; Twilio requests `status_url` once the dialled call has ended.

    A refused caller hears the reason before the hang-up, as many telephones have no display. A refusal without words is
    a <Reject>, which is not answered and so costs nothing.
    """
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    if isinstance(decision, Refuse):
        if not decision.message:
            response.reject()
            return str(response)
        return twiml_saying(decision.message)
    dial = response.dial(
        caller_id=decision.caller_id,
        time_limit=decision.time_limit_s,
        timeout=decision.ring_timeout_s,
        answer_on_bridge=True,
        action=status_url,
    )
    if isinstance(decision, DialPstn):
        dial.number(decision.number)
    elif isinstance(decision, DialEmergency):
        dial.number(EMERGENCY_IN_E164.get(decision.number, decision.number))
    elif isinstance(decision, DialTrunk):
        credentials = {"username": decision.username, "password": trunk_password}
        given = {name: value for name, value in credentials.items() if value}
        dial.sip(_uri_with_headers(decision.uri, decision.headers), **given)
    else:
        for uri in decision.uris:
            dial.sip(uri)
    return str(response)


def twiml_saying(message: str) -> str:
    """TwiML that says a message, if there is one, and hangs up."""
    from twilio.twiml.voice_response import VoiceResponse

    response = VoiceResponse()
    if message:
        response.say(message)
    response.hangup()
    return str(response)


def status_url(base_url: str, direction: str, decision: Decision) -> str:
    """The action URL of a Dial, with direction, phone, an emergency call's country and the next step in its query.

    Twilio's signature covers the query, so it can't be forged.
    """
    query = {"direction": direction, "client": decision.client}
    if isinstance(decision, DialEmergency):
        query["emergency"] = decision.country
    if isinstance(decision, RingClient) and decision.next_step:
        query["step"] = str(decision.next_step)
    return f"{base_url}/call-status?{urlencode(query, quote_via=quote)}"


def _uri_with_headers(uri: str, headers: Mapping[str, str]) -> str:
    """A SIP URI with headers in its query, as Twilio takes them."""
    query = "&".join(f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in headers.items())
    return f"{uri}?{query}" if query else uri
