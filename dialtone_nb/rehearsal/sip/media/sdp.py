"""SDP offers and answers (RFC 3264): the codec of a leg's audio, and its destination. Twilio takes PCMU and PCMA."""

from __future__ import annotations

import secrets

from aiosipua.message import SipMessage
from aiosipua.sdp import (
    ConnectionData,
    MediaDescription,
    Origin,
    SdpMessage,
    parse_sdp,
    serialize_sdp,
)
from aiosipua.sdp_negotiate import SdpNegotiationError, negotiate_sdp

from dialtone_nb.rehearsal.sip.media.rtp import DTMF, Agreed
from dialtone_nb.rehearsal.sip.media.tones import PCMA, PCMU, RATE
from dialtone_nb.rehearsal.sip.transport import HostPort

CONTENT_TYPE = "application/sdp"
LARGEST_PORT = 65535
DIRECTIONS = frozenset({"sendrecv", "recvonly", "sendonly", "inactive"})


class Unacceptable(Exception):  # noqa: N818 - it is a finding about an offer
    """An offer or answer without audio that we can exchange; the response is a 488."""


def is_description(message: SipMessage) -> bool:
    """Whether a message's body has the content type of a session description."""
    return (message.content_type or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def read_description(message: SipMessage) -> SdpMessage | None:
    """The session description in a message, or None; raises `Unacceptable` if it can't be read."""
    if not message.body:
        return None
    if not is_description(message):
        raise Unacceptable(f"a body of type {message.content_type}")
    try:
        return parse_sdp(message.text)
    except Exception as error:  # arbitrary text can make the parser raise anything
        raise Unacceptable(f"no SDP: {type(error).__name__}") from None


def profile_of(message: SipMessage) -> str:
    """The profile of a message's audio, such as RTP/AVP; empty if it offers none that can be read."""
    try:
        description = read_description(message)
    except Unacceptable:
        return ""
    return description.audio.proto if description and description.audio else ""


def write_description(message: SipMessage, description: SdpMessage) -> None:
    """Put a session description into a message."""
    message.text = serialize_sdp(description)
    message.headers.set_single("Content-Type", CONTENT_TYPE)


def make_offer(local: HostPort) -> SdpMessage:
    """An offer of PCMU, PCMA and keys (telephone-event)."""
    audio = MediaDescription(
        media="audio",
        port=local[1],
        proto="RTP/AVP",
        formats=[str(PCMU), str(PCMA), str(DTMF)],
        attributes={
            "rtpmap": [f"{PCMU} PCMU/8000", f"{PCMA} PCMA/8000", f"{DTMF} telephone-event/8000"],
            "fmtp": [f"{DTMF} 0-16"],
            "ptime": ["20"],
            "sendrecv": [],
        },
    )
    origin = Origin("-", str(secrets.randbits(31)), "1", "IN", "IP4", local[0])
    return SdpMessage(origin=origin, session_name="-", connection=ConnectionData("IN", "IP4", local[0]), media=[audio])


def answer_offer(offer: SdpMessage, local: HostPort, peer: str) -> tuple[SdpMessage, Agreed]:
    """The answer to a peer's offer, and what is agreed; raises `Unacceptable` if no codec is in common."""
    keys = _keys_of(offer)
    try:
        answer, payload_type = negotiate_sdp(offer, local[0], local[1], [PCMU, PCMA], keys or 0, session_id="1")
    except (SdpNegotiationError, ValueError, IndexError) as error:
        raise Unacceptable(str(error)) from None
    return answer, Agreed(remote_of(offer, peer), payload_type, keys, _may_send(offer))


def read_agreement(answer: SdpMessage, peer: str) -> Agreed:
    """What a peer's answer to our offer agrees to; raises `Unacceptable` if that is no codec of the offer."""
    audio = answer.audio
    chosen = [codec.payload_type for codec in audio.codecs if codec.payload_type in {PCMU, PCMA}] if audio else []
    if not chosen or not audio or not audio.port:
        raise Unacceptable("an answer without PCMU and PCMA")
    return Agreed(remote_of(answer, peer), chosen[0], _keys_of(answer), _may_send(answer))


def remote_of(description: SdpMessage, peer: str) -> HostPort | None:
    """The destination of audio for a peer; None if it wants none.

    The host is always the one that its signalling comes from. Behind a NAT, or with several networks, a phone does not
    know a better address, and this way nobody can direct a call's audio to somebody else.
    """
    audio = description.audio
    connection = (audio.connection if audio else None) or description.connection
    is_held = connection is not None and connection.address == "0.0.0.0"  # noqa: S104 - how old phones hold
    return None if not audio or is_held or not 0 < audio.port <= LARGEST_PORT else (peer, audio.port)


def _keys_of(description: SdpMessage) -> int | None:
    """The payload type of keys at our clock rate; phones with several codecs have one for each rate."""
    codecs = description.audio.codecs if description.audio else []
    keys = (one for one in codecs if one.encoding_name.lower() == "telephone-event" and one.clock_rate == RATE)
    return next((one.payload_type for one in keys), None)


def _may_send(description: SdpMessage) -> bool:
    """Whether the peer wants to receive: by the direction of its audio, or else of its session (RFC 8866, 6.7)."""
    audio = description.audio
    if audio is None:
        return False
    if DIRECTIONS & audio.attributes.keys():
        return audio.direction in {"sendrecv", "recvonly"}
    return not {"sendonly", "inactive"} & description.attributes.keys()
