"""The line of somebody on the built-in telephone network, who has answered."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dialtone_nb.rehearsal.exchange.lines import DigitTerms, Recorded, RecordTerms
from dialtone_nb.rehearsal.exchange.verbs import Prompt
from dialtone_nb.rehearsal.sip.built_in_network import BuiltInFarSide
from dialtone_nb.rehearsal.sip.media.speech import speak
from dialtone_nb.rehearsal.sip.media.tones import RATE, key_tones
from dialtone_nb.rehearsal.sip.phone_line import sound_of


class FarSideLine:
    """Nobody hears what is said here; it takes the time that it takes all the same."""

    def __init__(self, far_side: BuiltInFarSide, words: str) -> None:
        self.far_side = far_side
        self.words = words

    def ring(self) -> None:
        """It has rung."""

    def answer(self) -> None:
        """It has answered."""

    def refuse(self, sip_response: int) -> None:
        """It has answered."""

    def hang_up(self) -> None:
        """There is nothing to let go."""

    def say(self, text: str) -> None:
        """Speak."""
        _last(speak(text))

    def play(self, url: str) -> None:
        """Play a sound."""

    def play_digits(self, digits: str) -> None:
        """Play keys' tones."""
        _last(key_tones(digits))

    def pause(self, seconds: float) -> None:
        """Be silent."""
        time.sleep(seconds)

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """Nobody presses anything."""
        _last(b"".join(map(sound_of, prompts)))
        time.sleep(terms.timeout_s)
        return ""

    def record(self, terms: RecordTerms) -> Recorded:
        """Nobody says anything."""
        time.sleep(min(terms.timeout_s, terms.longest_s))
        return Recorded(0.0)


def _last(sound: bytes) -> None:
    time.sleep(len(sound) / RATE)
