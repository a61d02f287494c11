"""The headers that Twilio carries from one side of a call to the other: X-… and User-to-User, of one line each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiosipua.headers import prettify_header_name
from aiosipua.message import SipMessage, SipRequest

CUSTOM_HEADER = re.compile(r"(?:X-[A-Za-z0-9-]+|User-to-User)", re.IGNORECASE)
LONGEST_HEADER = 1024  # characters, of a header that is handed to an application
API_VERSION = "2010-04-01"


def custom_headers_of(message: SipMessage) -> dict[str, str]:
    """The custom headers of a message, which Twilio hands to the voice URL, or to the action of a Dial."""
    return {
        "User-to-User" if name.lower() == "user-to-user" else name: values[0][:LONGEST_HEADER]
        for name, values in message.headers.items()
        if CUSTOM_HEADER.fullmatch(name) and values
    }


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of some headers that a <Sip> may add."""
    return {name: value for name, value in headers.items() if CUSTOM_HEADER.fullmatch(name) and value.isprintable()}


def twilio_headers(account_sid: str, call_sid: str) -> dict[str, str]:
    """What an INVITE of Twilio's says of its call (Twilio, TwiML <Sip>: the SIP session)."""
    return {"X-Twilio-ApiVersion": API_VERSION, "X-Twilio-AccountSid": account_sid, "X-Twilio-CallSid": call_sid}


class SpelledRequest(SipRequest):
    """A request that writes custom headers as they are spelled; aiosipua makes X-Twilio-Callsid of X-Twilio-CallSid."""

    def __bytes__(self) -> bytes:
        """The request as it is sent."""
        head, end, body = super().__bytes__().partition(b"\r\n\r\n")
        for name, _ in self.headers.items():
            if CUSTOM_HEADER.fullmatch(name):
                head = head.replace(f"\r\n{prettify_header_name(name)}: ".encode(), f"\r\n{name}: ".encode())
        return head + end + body
