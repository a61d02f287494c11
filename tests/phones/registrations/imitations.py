"""Small imitations of devices' SIP logs, in each maker's format as far as it was published."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

MAC = "c0:74:ad:00:01:01"
# Records of an HT801 were cut at about this length, at spaces, in the middle of a header too.
_RECORD = 150

Imitation = Callable[[str], Iterator[bytes]]


def grandstream(message: str, mac: str = MAC) -> Iterator[bytes]:
    """An HT801 of firmware 1.0.49.2: no date, no host, a message over several records (tcz/rotary-gpt, issue 2)."""
    head = f"<15> HT801 [{mac}] [1.0.49.2] GS_ATA: USER.DEBUG  "
    record = ""
    for word in message.replace("\r\n", "\n").splitlines(keepends=True):
        pieces = word.split(" ") if len(word) > _RECORD else [word]
        for place, piece in enumerate(pieces):
            part = piece if place == len(pieces) - 1 else piece + " "
            if len(record) + len(part) > _RECORD:
                yield (head + record).encode()
                record = ""
            record += part
    yield (head + record).encode()


def newer_grandstream(message: str, mac: str = MAC) -> Iterator[bytes]:
    """An HT801V2 of firmware 1.0.9.3: date and host, no level; that it cuts messages alike is assumed."""
    for record in grandstream(message, mac):
        text = record.decode().partition("USER.DEBUG  ")[2]
        yield f"<14>Apr  2 21:24:34 HT801V2 [{mac}] [1.0.9.3] GS_ATA: {text}\n\n".encode()


def polycom(message: str) -> Iterator[bytes]:
    """A SoundPoint IP: its documented fields; that each line of a message is a record is assumed."""
    for line in message.splitlines():
        yield f"<135>011511.006|sip  |0|00|{line}".encode()


def linksys(message: str) -> Iterator[bytes]:
    """A PAP2T or SPA: no source was found for its format; one record a message, ended by a NUL, is assumed."""
    yield f"<134>{message}\0".encode()


def dated_linksys(message: str) -> Iterator[bytes]:
    """The alternative assumption: a record a line, with RFC 3164's date and host."""
    for line in message.splitlines():
        yield f"<134>Jan  1 00:00:12 192.0.2.31 {line}".encode()


IMITATIONS: dict[str, Imitation] = {
    one.__name__: one for one in (grandstream, newer_grandstream, polycom, linksys, dated_linksys)
}

_cseq = itertools.count(1)


def register(user: str, *, expires: int | None = 600, cseq: int = 0, contact: str = "") -> str:
    """A REGISTER as a device logs it, with its answer to a challenge."""
    number = cseq or next(_cseq)
    line = "" if expires is None else f"Expires: {expires}\r\n"
    return (
        "REGISTER sip:demo-stage.sip.twilio.com SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.31:5060;branch=z9hG4bK1;rport\r\n"
        f'From: "Tech Room" <sip:{user}@demo-stage.sip.twilio.com>;tag=121971311\r\n'
        f"To: <sip:{user}@demo-stage.sip.twilio.com>\r\n"
        f"Call-ID: 1658516088-5060-3@CFE\r\nCSeq: {number} REGISTER\r\n"
        f"Contact: <sip:{user}@192.0.2.31:5060>;reg-id=1{contact}\r\n"
        f'Proxy-Authorization: Digest username="{user}", realm="sip.twilio.com", nonce="297381190", '
        'uri="sip:demo-stage.sip.twilio.com", response="0c9e743215ccd69a624519f5d9f989e7", algorithm=MD5, '
        'cnonce="08814139", qop=auth, nc=0000008e\r\n'
        f"Max-Forwards: 70\r\nSupported: path\r\n{line}Content-Length: 0\r\n\r\n"
    )


def response(request: str, status: int) -> str:
    """The response to a request, with its To, Call-ID and CSeq."""
    kept = [line for line in request.splitlines() if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    return "\r\n".join([f"SIP/2.0 {status} As it is", *kept, "Server: Twilio Gateway", "Content-Length: 0", "", ""])


def exchange(user: str, status: int = 200, **options: int | str | None) -> list[str]:
    """A REGISTER and its response."""
    asked = register(user, **options)  # type: ignore[arg-type]
    return [asked, response(asked, status)]
