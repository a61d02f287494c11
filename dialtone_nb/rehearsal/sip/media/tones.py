"""Telephone audio: mu-law at 8,000 samples a second, in frames of 20 ms."""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache

from aiortp.codecs import PcmaCodec, PcmuCodec

RATE = 8000
FRAME = 160  # samples, and bytes: 20 ms
FRAME_S = FRAME / RATE
PCMU, PCMA = 0, 8  # payload types (RFC 3551)
LOUDNESS = 8000.0  # of 32,767, for one tone: about -12 dB

# Frequencies of North America's precise tone plan, in hertz.
RINGBACK = (440.0, 480.0)
MILLIWATT = (1004.0,)
KEYS = {
    key: (row, column)
    for row, keys in zip((697.0, 770.0, 852.0, 941.0), ("123A", "456B", "789C", "*0#D"), strict=True)
    for column, key in zip((1209.0, 1336.0, 1477.0, 1633.0), keys, strict=True)
}
SILENCE_BYTE = b"\xff"  # zero in mu-law


@lru_cache(maxsize=1)
def _codec() -> PcmuCodec:
    return PcmuCodec()


def encode(samples: Iterable[int]) -> bytes:
    """16-bit samples as mu-law."""
    pcm = array.array("h", samples)
    if sys.byteorder == "big":
        pcm.byteswap()
    return bytes(_codec().encode(pcm.tobytes()))


def decode(sound: bytes) -> array.array[int]:
    """Mu-law as 16-bit samples."""
    pcm = array.array("h")
    pcm.frombytes(_codec().decode(sound))
    if sys.byteorder == "big":
        pcm.byteswap()
    return pcm


@lru_cache(maxsize=128)
def tone(frequencies: tuple[float, ...], seconds: float) -> bytes:
    """A tone of one or several frequencies in hertz."""
    steps = [2 * math.pi * frequency / RATE for frequency in frequencies]
    loudness = LOUDNESS / len(steps)
    return encode(round(sum(loudness * math.sin(step * n) for step in steps)) for n in range(round(RATE * seconds)))


def silence(seconds: float) -> bytes:
    """Silence of this length in seconds."""
    return SILENCE_BYTE * round(RATE * seconds)


def ringback() -> bytes:
    """The ringback tone: two seconds of tone, four of silence."""
    return tone(RINGBACK, 2.0) + silence(4.0)


def key_tones(digits: str) -> bytes:
    """The DTMF tones of digits; `w` is half a second of silence, as in Twilio's `digits`."""
    sounds = [
        silence(0.5) if key in "wW" else tone(KEYS[key], 0.1) + silence(0.1)
        for key in digits
        if key in "wW" or key in KEYS
    ]
    return b"".join(sounds)


def frames(sound: bytes) -> Iterator[bytes]:
    """Audio frame by frame; the last frame is padded with silence."""
    for start in range(0, len(sound), FRAME):
        yield sound[start : start + FRAME].ljust(FRAME, SILENCE_BYTE)


@lru_cache(maxsize=1)
def to_pcma() -> bytes:
    """The A-law byte of each mu-law byte."""
    return bytes(PcmaCodec().encode(_codec().decode(bytes(range(256)))))


@lru_cache(maxsize=1)
def to_pcmu() -> bytes:
    """The mu-law byte of each A-law byte."""
    return bytes(_codec().encode(PcmaCodec().decode(bytes(range(256)))))


def recoded(sound: bytes, payload_type: int, wanted: int) -> bytes:
    """Audio converted from one payload type to another, PCMU or PCMA."""
    if payload_type == wanted:
        return sound
    return sound.translate(to_pcma() if wanted == PCMA else to_pcmu())
