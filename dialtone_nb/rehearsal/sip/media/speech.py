"""A voice for <Say>: eSpeak NG if it is installed, otherwise a tone for each word."""

from __future__ import annotations

import ctypes
import threading
from functools import lru_cache

import numpy as np

from dialtone_nb.rehearsal.sip.media.tones import RATE, encode, silence, tone

SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: give the samples to the callback, before espeak_Synth returns
UTF_8 = 1
VOICE = b"en-us"
LONGEST_TEXT = 4096  # characters, Twilio's limit for <Say>
LOUDNESS = 0.6

_one_at_a_time = threading.Lock()


@lru_cache(maxsize=256)
def speak(text: str) -> bytes:
    """Text as mu-law audio."""
    words = text[:LONGEST_TEXT].strip()
    if not words:
        return silence(0.2)
    with _one_at_a_time:
        engine = _engine()
        return engine.speak(words) if engine else beep(words)


def beep(words: str) -> bytes:
    """A tone for each word, of a length proportional to the word's."""
    return b"".join(tone((600.0,), 0.06 * min(len(word), 10)) + silence(0.12) for word in words.split())


class _Engine:
    """eSpeak NG, whose state is global to the process."""

    def __init__(self, library: ctypes.CDLL, rate: int) -> None:
        self._library = library
        self._rate = rate
        self._samples = bytearray()
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)
        library.espeak_SetSynthCallback(self._callback)
        library.espeak_SetVoiceByName(VOICE)

    def speak(self, words: str) -> bytes:
        self._samples.clear()
        text = words.encode().replace(b"\0", b"")
        self._library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, UTF_8, None, None)
        self._library.espeak_Synchronize()
        return encode(_resampled(np.frombuffer(bytes(self._samples), dtype=np.int16), self._rate))

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _: int) -> int:
        if samples and count > 0:
            self._samples.extend(ctypes.string_at(samples, 2 * count))
        return 0


@lru_cache(maxsize=1)
def _engine() -> _Engine | None:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    except (ImportError, OSError, AttributeError):
        return None
    return _Engine(library, rate) if rate > 0 else None


def _resampled(samples: np.ndarray, rate: int) -> list[int]:
    """Samples at the telephone rate; high frequencies are smoothed away first, against aliasing."""
    if not len(samples):
        return []
    width = max(1, round(rate / RATE))
    smooth = np.convolve(samples.astype(np.float64) * LOUDNESS, np.ones(width) / width, mode="same")
    times = np.arange(0, len(samples) / rate, 1 / RATE) * rate
    return [int(one) for one in np.interp(times, np.arange(len(samples)), smooth)]
