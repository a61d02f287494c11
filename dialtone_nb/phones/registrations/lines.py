"""Syslog lines of ATAs and desk phones -> what they tell of a registration, and nothing else of what is in them.

Makers write down little of what their phones log, and no line of a failed or expired registration was found for any of
them. What all of them can log is SIP itself, and that is the same for all (RFC 3261): so a REGISTER and the response to
it are read from the lines, whichever make sent them, and each make adds only how its lines begin. Sentences of a make's
own are read where somebody published one.

No device of ours has sent any of this. `evidence` says where a form or a sentence was seen.

Nothing foreign goes further than this module: of a line come a phone's name that is known here, numbers, and words of
our own. Authorization headers, which these logs hold whole, are never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from dialtone_nb.values.sip import LONGEST_EXPIRY_S, SHORTEST_EXPIRY_S

# Longer datagrams are cut; RFC 5426 (3.2) asks a receiver for 2,048 bytes.
LONGEST_LINE: Final = 8192
# One unanswered REGISTER may be a syslog datagram that was lost on its way.
UNANSWERED: Final = 2
# The first challenge asks for the password, a second may say that the nonce was old (RFC 7616, 3.3).
CHALLENGES: Final = 3
MOST_LINES_OF_A_DEVICE: Final = 16


class RegistrationState(StrEnum):
    """What a phone said of its registration."""

    REGISTERED = "registered"
    FAILED = "failed"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Told:
    """What a line tells; without a client it is of the device's only phone."""

    state: RegistrationState
    client: str = ""
    reason: str = ""
    expires_s: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """How the lines of a make begin: the MAC address, where they have it, and the text behind."""

    maker: str
    pattern: re.Pattern[str]
    evidence: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A make's own sentence about a registration."""

    maker: str
    pattern: re.Pattern[str]
    told: Told
    evidence: str


# <priority>, date and host of RFC 3164; devices leave out what they like.
_HEADER: Final = r"(?:<\d{1,3}>)? ?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:[\w.:-]{1,64} )??"
_MAC: Final = r"(?P<mac>(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})"

FORMS: Final = (
    Form(
        "Grandstream",
        re.compile(
            _HEADER + rf"HT\w{{1,12}} \[{_MAC}\] \[[\w.]*\] GS_ATA: " + r"(?:USER\.[A-Z]+  ?)?(?: *\d{9,}\.\d+ )?", re.A
        ),
        "HT801 1.0.49.2 (tcz/rotary-gpt, issue 2); HT801V2 1.0.9.3, with a date and no level (phone-syslog2mqtt)",
    ),
    Form(
        "Grandstream",
        re.compile(_HEADER + rf"GS_LOG: ?\[{_MAC}\]\[\w*\] ?", re.A),
        "manuals of HandyTone-286, HT-502 and GXW-400x, each with one example, of the Ethernet link",
    ),
    Form(
        "Polycom",
        re.compile(_HEADER + r"(?:\d{6}\.\d{3}|\d{10})\|\w{1,5} *\|[0-6]\|\d+\|", re.A),
        "administrator guides of SIP 1.4 to 3.0, with one example, of another component than sip",
    ),
    Form("", re.compile(_HEADER, re.A), "Linksys and Cisco: none was found; the text behind whatever header there is"),
)
SENTENCES: Final = (
    Sentence(
        "Grandstream",
        re.compile(r"SigCtrl::performRegistration on acct \d+, Registered: 1\b", re.A),
        Told(RegistrationState.REGISTERED, expires_s=SHORTEST_EXPIRY_S),
        "HT801 1.0.49.2 (tcz/rotary-gpt, issue 2), before each REGISTER of a phone that is registered",
    ),
    Sentence(
        "Grandstream",
        re.compile(r"SigCtrl::performRegistration on acct \d+, Registered: 0\b", re.A),
        Told(RegistrationState.FAILED, reason="not registered, says the device"),
        "not seen: the other value of the sentence above",
    ),
)
# What a refusal means to the person at the phone; Twilio refuses a wrong password with 403.
_REASONS: Final = {
    401: "password not accepted",
    403: "user name or password refused",
    404: "no such SIP domain",
    407: "password not accepted",
    408: "the registrar timed out",
    423: "registration too short",
    480: "not available",
    500: "the registrar failed",
    503: "the registrar is too busy",
}
NO_ANSWER: Final = "no answer from the registrar"

_METHODS: Final = "REGISTER|INVITE|ACK|BYE|CANCEL|OPTIONS|NOTIFY|SUBSCRIBE|INFO|PRACK|UPDATE|REFER|MESSAGE|PUBLISH"
_REQUEST: Final = re.compile(rf"(?:^|\s)({_METHODS}) sips?:\S+ SIP/2\.0\s*$", re.A)
_RESPONSE: Final = re.compile(r"(?:^|\s)SIP/2\.0 ([1-6]\d\d)(?: |$)", re.A)
_TO: Final = re.compile(r"(?:^|\s)(?:To|t)\s*:[^<]{0,200}<?sips?:([\w.+-]{1,32})@", re.A | re.I)
_CSEQ: Final = re.compile(r"(?:^|\s)CSeq\s*:\s*(\d{1,10})\s+REGISTER\s*$", re.A | re.I)
_EXPIRES: Final = re.compile(r"(?:^|\s)Expires\s*:\s*(\d{1,10})\s*$", re.A | re.I)
_CONTACT_EXPIRES: Final = re.compile(r"(?:^|\s)(?:Contact|m)\s*:.{0,500};\s*expires\s*=\s*\"?(\d{1,10})", re.A | re.I)


@dataclass(slots=True)
class _Message:
    """A SIP message as far as it was logged; `status` is 0 for a request."""

    status: int
    user: str = ""
    cseq: int = -1
    expires: int = -1
    contact_expires: int = -1
    is_answered: bool = False

    @property
    def is_told(self) -> bool:
        return bool(self.user) and self.cseq >= 0

    @property
    def expiry_s(self) -> int:
        """What was asked for (RFC 3261, 10.2.1.1: a Contact's own comes first), moved to where Twilio moves it."""
        asked = self.contact_expires if self.contact_expires >= 0 else self.expires
        if asked < 0:
            return SHORTEST_EXPIRY_S
        return min(max(asked, SHORTEST_EXPIRY_S), LONGEST_EXPIRY_S) if asked else 0


@dataclass(slots=True)
class _Line:
    """A phone's last REGISTER, and how often in a row it got no answer or a challenge."""

    asked: _Message
    unanswered: int = 0
    challenges: int = 0


@dataclass(slots=True)
class DeviceLog:
    """What one device has logged since its first line. `users` are the phones, known or not, that registered by it."""

    since: datetime
    maker: str = ""
    users: set[str] = field(default_factory=set)
    _cut: str = ""
    _message: _Message | None = None
    _lines: dict[str, _Line] = field(default_factory=dict)

    def read(self, text: str, maker: str, names: Container[str]) -> Iterator[Told]:
        """What the text of one datagram tells of phones with these names."""
        self.maker = maker or self.maker
        yield from (one.told for one in SENTENCES if one.maker == maker and one.pattern.search(text))
        lines = text.strip("\0").split("\n")
        # A record may end anywhere, so its last line is read by itself and once more with what follows.
        for line in (self._cut + lines[0], *lines) if self._cut else lines:
            told = self._read_sip(line.strip())
            if told and told.client in names:
                yield told
        self._cut = lines[-1]

    def _read_sip(self, line: str) -> Told | None:
        """What a line of a SIP message tells: mostly nothing, until a REGISTER or the response to one is complete."""
        if found := _REQUEST.search(line):
            # A message of another method is read by nobody.
            self._message = _Message(0) if found[1] == "REGISTER" else None
        elif found := _RESPONSE.search(line):
            self._message = _Message(int(found[1]))
        elif message := self._message:
            was_told = message.is_told
            _read_header(message, line)
            if message.is_told and not was_told:
                return self._answered(message) if message.status else self._asked(message)
        return None

    def _asked(self, message: _Message) -> Told | None:
        if message.user not in self._lines and len(self._lines) >= MOST_LINES_OF_A_DEVICE:
            return None
        self.users.add(message.user)
        line = self._lines.setdefault(message.user, _Line(message))
        before, line.asked = line.asked, message
        # A REGISTER that is sent again has its old number (RFC 3261, 17.1.2.2).
        if before is message or before.is_answered or before.cseq == message.cseq:
            return None
        line.unanswered += 1
        if line.unanswered < UNANSWERED:
            return None
        return Told(RegistrationState.FAILED, message.user, NO_ANSWER)

    def _answered(self, response: _Message) -> Told | None:
        line = self._lines.get(response.user)
        # Without its REGISTER nobody knows whether a 200 registered the phone or unregistered it.
        if line is None or line.asked.cseq != response.cseq or line.asked.is_answered or response.status < 200:
            return None
        line.asked.is_answered, line.unanswered = True, 0
        if response.status in (401, 407):
            line.challenges += 1
            if line.challenges < CHALLENGES:
                return None
        else:
            line.challenges = 0
        if response.status >= 300:
            reason = f"{response.status} {_REASONS.get(response.status, 'refused')}"
            return Told(RegistrationState.FAILED, response.user, reason)
        expiry_s = line.asked.expiry_s
        state = RegistrationState.REGISTERED if expiry_s else RegistrationState.UNREGISTERED
        return Told(state, response.user, expires_s=expiry_s)


def _read_header(message: _Message, line: str) -> None:
    if found := _TO.search(line):
        message.user = found[1]
    elif found := _CSEQ.search(line):
        message.cseq = int(found[1])
    elif found := _EXPIRES.search(line):
        message.expires = int(found[1])
    elif found := _CONTACT_EXPIRES.search(line):
        message.contact_expires = int(found[1])


def split_line(datagram: bytes) -> tuple[str, str, str]:
    """The make, the MAC address (empty where the line has none) and the text of a datagram."""
    line = datagram[:LONGEST_LINE].decode("utf-8", "replace")
    for form in FORMS:
        if found := form.pattern.match(line):
            mac = found.groupdict().get("mac") or ""
            return form.maker, mac.lower(), line[found.end() :]
    return "", "", line
