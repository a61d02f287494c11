"""The built-in telephone network: the far side, with its line, of calls that real phones place to numbers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dialtone_nb.rehearsal.exchange.lines import DigitTerms, Recorded, RecordTerms
from dialtone_nb.rehearsal.exchange.simulated_behaviour import party_at
from dialtone_nb.rehearsal.exchange.verbs import Prompt
from dialtone_nb.rehearsal.sip.media.rtp import MediaPort
from dialtone_nb.rehearsal.sip.media.speech import speak
from dialtone_nb.rehearsal.sip.media.tones import MILLIWATT, RATE, key_tones, silence, tone
from dialtone_nb.rehearsal.sip.phone_line import sound_of
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import SIP_DOMAIN_SUFFIX, global_domain, parse_sip_uri

Does = Literal["answers", "is busy", "does not answer", "can't be reached"]
Plays = Literal["an announcement", "an echo", "a tone"]
BUSY_AFTER_S = 1.0
RINGS_S = 3.0
TALKS_S = 30.0


@dataclass(frozen=True, slots=True)
class BuiltInFarSide:
    """The behaviour of a number; it answers after `rings_s` seconds and hangs up after `talks_s`."""

    does: Does = "answers"
    plays: Plays = "an announcement"
    rings_s: float = RINGS_S
    talks_s: float = TALKS_S


# Behaviour by a number's last four digits, in any area: test lines, as telephone companies have them, in 555-01xx.
BY_LAST_DIGITS: dict[str, BuiltInFarSide] = {
    "0190": BuiltInFarSide(plays="a tone", rings_s=1.0, talks_s=math.inf),
    "0191": BuiltInFarSide(plays="an echo", rings_s=1.0, talks_s=math.inf),
    "0192": BuiltInFarSide("is busy"),
    "0193": BuiltInFarSide("does not answer"),
    "0194": BuiltInFarSide("can't be reached"),
    "0195": BuiltInFarSide(rings_s=10.0),
    "0196": BuiltInFarSide(rings_s=1.0, talks_s=3.0),
}


def built_in_far_side_of(tables: Tables, address: str) -> BuiltInFarSide:
    """The behaviour of a number, the trunk or a simulated phone: as set for it, or else by its last digits."""
    party = party_at(tables, address)
    if party is None:
        return BY_LAST_DIGITS.get(address[-4:], BuiltInFarSide())
    does: Does = "answers"
    if party.unreachable:
        does = "can't be reached"
    elif party.busy or party.no_answer:
        does = "is busy" if party.busy else "does not answer"
    return BuiltInFarSide(does, rings_s=party.answer_after, talks_s=party.talk)


def describe(far_side: BuiltInFarSide) -> str:
    """What happens when the number is called, in words."""
    if far_side.does != "answers":
        return far_side.does
    soon = f"answers after {far_side.rings_s:g} s with {far_side.plays}"
    return soon if math.isinf(far_side.talks_s) else f"{soon}, and hangs up {far_side.talks_s:g} s later"


def announcement(address: str, emergency: str = "") -> str:
    """The words that a far side says when it answers."""
    if emergency:
        return f"This is not an emergency service. You dialled {_spelled(emergency)} on a rehearsal. Nobody was called."
    if is_own(address):
        return f"This is {parse_sip_uri(address)[0]}, a simulated phone. Your call went through."
    if address.startswith("sip"):
        return "This is the trunk, on the rehearsal. Your call went through."
    return f"This is {_spelled(address)}, on the rehearsal. Your call went through. No real telephone rang."


def is_own(address: str) -> bool:
    """Whether an address is at one of our own SIP domains."""
    return global_domain(parse_sip_uri(address)[1]).endswith(SIP_DOMAIN_SUFFIX)


def _spelled(number: str) -> str:
    return " ".join(number.removeprefix("+1"))


async def perform(far_side: BuiltInFarSide, media: MediaPort, words: str) -> None:
    """Play a leg what the far side does (these words, an echo or a tone), until it hangs up."""
    try:
        async with asyncio.timeout(None if math.isinf(far_side.talks_s) else far_side.talks_s):
            if far_side.plays == "an echo":
                await media.play(speak("You hear yourself."))
                media.echoes = True
                await asyncio.Event().wait()
            elif far_side.plays == "a tone":
                await media.play(tone(MILLIWATT, 1.0), repeat=True)
            else:
                await media.play(speak(words) + silence(2.0), repeat=True)
    except TimeoutError:
        pass
    finally:
        media.echoes = False


class FarSideLine:
    """The line of a far side that has answered. Nothing hears the audio here, but it takes its time."""

    def __init__(self, far_side: BuiltInFarSide, words: str) -> None:
        self.far_side = far_side
        self.words = words

    def ring(self) -> None:
        """No-op: the line has rung already."""

    def answer(self) -> None:
        """No-op: it has answered."""

    def refuse(self, sip_response: int) -> None:
        """No-op: it has answered."""

    def hang_up(self) -> None:
        """No-op: the line holds no resources."""

    def say(self, text: str) -> None:
        """Wait for as long as the words take."""
        _last(speak(text))

    def play(self, url: str) -> None:
        """No-op: audio from a URL has no length here."""

    def play_digits(self, digits: str) -> None:
        """Wait for as long as the tones take."""
        _last(key_tones(digits))

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """Return no digits, once the prompts and the time for keys are over."""
        _last(b"".join(map(sound_of, prompts)))
        time.sleep(terms.timeout_s)
        return ""

    def record(self, terms: RecordTerms) -> Recorded:
        """Return an empty recording, once the time for silence is over."""
        time.sleep(min(terms.timeout_s, terms.longest_s))
        return Recorded(0.0)


def _last(sound: bytes) -> None:
    time.sleep(len(sound) / RATE)
