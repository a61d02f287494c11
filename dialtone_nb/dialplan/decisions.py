"""The calls that ask the dial plan, and the decisions that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A phone dials: `to` is the SIP URI it asked for; `sip_username` and `from_` say who it is, see `caller_of`."""

    environment: str
    sip_username: str
    to: str
    from_: str = ""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """The telephone network calls `to`, one of our numbers in E.164 form; `from_` is what the caller claims to be.

    `step` is how often it was tried already: the phones of the number ring in steps, then the call goes on.
    """

    environment: str
    to: str
    from_: str
    step: int = 0


Call: TypeAlias = OutgoingCall | IncomingCall


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dial:
    """What every call that goes out has: the rule that decided, the phone, and its limits in seconds."""

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
    """Call the emergency service, or its test line: `number` is "911" or "933" in the US, the `country`'s elsewhere."""

    kind: ClassVar[str] = "dial-emergency"
    number: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialTrunk(_Dial):
    """Call our own SIP server; the password is not here, it is added where the TwiML is written."""

    kind: ClassVar[str] = "dial-trunk"
    uri: str
    username: str
    headers: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RingClient(_Dial):
    """Ring our phones, together; `next_step` is what comes where nobody answers, 0 for nothing."""

    kind: ClassVar[str] = "ring-client"
    uris: tuple[str, ...]
    next_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Make no call: `reason` is a code, `message` what the person hears; without one the call is not even answered.

    "told" is the reason where a caller whom nobody answered hears the words of the phone's `then`.
    """

    kind: ClassVar[str] = "refuse"
    rule: str
    client: str
    reason: str
    message: str


Decision: TypeAlias = DialPstn | DialEmergency | DialTrunk | RingClient | Refuse


def decision_data(decision: Decision) -> dict[str, object]:
    """The decision as plain data, with its kind: what the deployed service's decide gives."""
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(decision).items()}
    return {"kind": decision.kind, **plain}
