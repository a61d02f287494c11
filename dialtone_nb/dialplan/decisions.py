"""Calls that the dial plan decides about, and the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call by a phone: `to` is the requested SIP URI; `sip_username` and `from_` identify it, see `caller_of`."""

    environment: str
    sip_username: str
    to: str
    from_: str = ""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call from the telephone network to `to`, one of our numbers in E.164 form; `from_` is not authenticated.

    `step` counts the attempts before: the number's phones ring in steps, and then the call goes on.
    """

    environment: str
    to: str
    from_: str
    step: int = 0


Call: TypeAlias = OutgoingCall | IncomingCall


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dial:
    """The fields of every dialled call: the rule that decided, the phone, its caller ID, and its limits in seconds."""

    rule: str
    client: str
    caller_id: str
    time_limit_s: int
    ring_timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPstn(_Dial):
    """Call a telephone number, in E.164 form."""

    kind: ClassVar[str] = "dial-pstn"
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEmergency(_Dial):
    """Call the emergency service or its test line; `number` is the `country`'s, such as "911" or "933" in the US."""

    kind: ClassVar[str] = "dial-emergency"
    number: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialTrunk(_Dial):
    """Call our own SIP server. The password is only added when the TwiML is written."""

    kind: ClassVar[str] = "dial-trunk"
    uri: str
    username: str
    headers: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RingClient(_Dial):
    """Ring our phones simultaneously; `next_step` follows if nobody answers, 0 is none."""

    kind: ClassVar[str] = "ring-client"
    uris: tuple[str, ...]
    next_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Make no call: `reason` is a code, `message` is spoken to the caller; without one the call is not answered at all.

    The reason "told" means that nobody answered and the caller hears the words of the phone's `then`.
    """

    kind: ClassVar[str] = "refuse"
    rule: str
    client: str
    reason: str
    message: str


Decision: TypeAlias = DialPstn | DialEmergency | DialTrunk | RingClient | Refuse
