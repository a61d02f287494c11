"""Test sounds: sending and measuring."""

from __future__ import annotations

import math
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from aiortp.dtmf import DTMF_EVENTS, DtmfEvent
from aiortp.packet import RtpPacket

from dialtone_nb.rehearsal.sip.media.tones import FRAME, FRAME_S, RATE, decode, frames, tone

WAV_HEADER = 44  # bytes
LOUD = 300.0  # of 32,767, root mean square


def share_of(hz: float, samples: Sequence[int], rate: int = RATE) -> float:
    """The share of a sound's power in one tone, from 0 to 1 (Goertzel's algorithm)."""
    power = sum(one * one for one in samples)
    if not power:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    before = last = 0.0
    for one in samples:
        before, last = last, one + turn * last - before
    return (last * last + before * before - turn * last * before) / (power * len(samples) / 2)


def loudness(samples: Sequence[int]) -> float:
    """The root mean square."""
    return math.sqrt(sum(one * one for one in samples) / len(samples)) if samples else 0.0


def recorded(folder: Path, direction: str = "dec") -> list[int]:
    """What a baresip phone received (`dec`) or sent (`enc`) in its last call."""
    files = sorted(folder.glob(f"dump-*-{direction}.wav"), key=lambda path: path.stat().st_mtime)
    return samples_of(files[-1]) if files else []


def samples_of(path: Path) -> list[int]:
    """The samples of a WAV file, empty if it does not exist; an unfinished one has no length yet."""
    data = path.read_bytes()[WAV_HEADER:] if path.exists() else b""
    return list(struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2]))


def has_heard(folder: Path, hz: float) -> bool:
    """Whether a baresip phone has just received half a second of almost only this tone."""
    return ends_with_tone(recorded(folder), hz)


def ends_with_tone(heard: Sequence[int], hz: float) -> bool:
    """Whether the last half second of a sound is almost only this tone."""
    end = heard[-RATE // 2 :]
    return len(end) >= RATE // 2 and share_of(hz, end) > 0.9


def hear(rtp: socket.socket, packets: int = 50) -> list[int]:
    """The sound in the next PCMU packets."""
    heard = b""
    for _ in range(packets):
        packet = RtpPacket.parse(rtp.recv(2048))
        if packet.payload_type == 0:
            heard += packet.payload
    return list(decode(heard))


def speak_tone(rtp: socket.socket, to: tuple[str, int], hz: float, seconds: float) -> None:
    """Send a tone in real time."""
    for number, frame in enumerate(frames(tone((hz,), seconds))):
        rtp.sendto(_packet(0, frame, number, number * FRAME).serialize(), to)
        time.sleep(FRAME_S)


def press(rtp: socket.socket, to: tuple[str, int], keys: Iterable[str]) -> None:
    """Send keys as in RFC 4733, with each end packet three times."""
    for place, key in enumerate(keys, start=1):
        for number, is_end in enumerate((False, False, True, True, True)):
            event = DtmfEvent(DTMF_EVENTS[key], is_end, 10, 160 * (number + 1))
            rtp.sendto(_packet(101, event.serialize(), place * 10 + number, place * 4000).serialize(), to)
        time.sleep(0.05)


def _packet(payload_type: int, payload: bytes, number: int, timestamp: int) -> RtpPacket:
    return RtpPacket(payload_type=payload_type, sequence_number=number, timestamp=timestamp, ssrc=4711, payload=payload)
