"""Lines of real phones for the exchange: a call's thread waits while the event loop rings and plays audio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, TypeVar

from dialtone_nb.rehearsal.exchange.lines import DigitTerms, HungUp, Recorded, RecordTerms
from dialtone_nb.rehearsal.exchange.verbs import Pause, Play, Prompt, Say
from dialtone_nb.rehearsal.sip.dialogs import Session
from dialtone_nb.rehearsal.sip.media.speech import speak
from dialtone_nb.rehearsal.sip.media.tones import decode, key_tones, silence, tone
from dialtone_nb.rehearsal.sip.uas import UasSession

Result = TypeVar("Result")

LOUD = 500  # of 32,767; quieter samples count as silence
BEEP = ((1000.0,), 0.3)
# The audio of every <Play>, three notes, because the rehearsal fetches nothing from other machines.
CHIME = ((523.3, 0.4), (659.3, 0.4), (784.0, 0.8))


class LoopWaiter:
    """Lets a call's thread wait for the event loop; another thread can interrupt the wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._current: Future[Any] | None = None
        self._error: BaseException | None = None

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop and wait for its result; raises the error of an interruption meanwhile."""
        with self._lock:
            if error := self._take_error():
                work.close()
                raise error
            try:
                future = asyncio.run_coroutine_threadsafe(work, self._loop)
            except RuntimeError:
                work.close()
                raise HungUp from None  # the endpoint was closed
            self._current = future
        try:
            return future.result()
        except CancelledError:
            with self._lock:
                raise (self._take_error() or HungUp()) from None
        finally:
            self._current = None

    def soon(self, work: Callable[[], None]) -> None:
        """Have the loop call a function soon; no-op once the endpoint is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    def interrupt(self, error: BaseException) -> None:
        """Raise this error in the waiting thread, or at the next wait."""
        with self._lock:
            self._error = error
            if self._current:
                self._current.cancel()

    def _take_error(self) -> BaseException | None:
        error, self._error = self._error, None
        return error


async def unless_over(session: Session, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Do some work and give back its result; raises `HungUp` if the session ends before.

    `work` makes its coroutine here: one made earlier would never be awaited if the call is interrupted before this
    starts.
    """
    over = asyncio.ensure_future(session.over.wait())
    doing = asyncio.ensure_future(work())
    try:
        await asyncio.wait({over, doing}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise HungUp
        return doing.result()
    finally:
        over.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)


class PhoneLine:
    """The line of a real phone that called, or that was rung and has answered."""

    def __init__(self, session: Session, waiter: LoopWaiter, note: Callable[[str], None]) -> None:
        self.session = session
        self._waiter = waiter
        self._note = note
        self._keys: asyncio.Queue[str] = asyncio.Queue()
        self.on_key: Callable[[str], None] = lambda _: None
        session.media.on_key = self._pressed

    def _pressed(self, key: str) -> None:
        self._keys.put_nowait(key)
        self.on_key(key)

    def ring(self) -> None:
        """Send 180, if the phone called."""
        self._do(lambda: self._respond(UasSession.ring))

    def answer(self) -> None:
        """Send 200, if the phone called and is not answered yet."""
        self._do(lambda: self._respond(UasSession.answer))

    async def _respond(self, how: Callable[[UasSession], None]) -> None:
        """Respond to the phone's INVITE; no-op if the INVITE was ours."""
        if isinstance(self.session, UasSession):
            how(self.session)

    def refuse(self, sip_response: int) -> None:
        """Refuse the call, if the phone called."""
        if isinstance(self.session, UasSession):
            self._waiter.soon(partial(self.session.refuse, sip_response))

    def hang_up(self) -> None:
        """End the call: BYE, or 480 to a phone that called and is not answered."""
        self._waiter.soon(self.session.hang_up)

    def say(self, text: str) -> None:
        """Speak text."""
        self._note(f"“{text}”")
        self._play(speak(text))

    def play(self, url: str) -> None:
        """Play three notes instead of the audio at the URL."""
        self._note(f"three notes, in place of {url}")
        self._play(chime())

    def play_digits(self, digits: str) -> None:
        """Play the tones of keys."""
        self._play(key_tones(digits))

    def pause(self, seconds: float) -> None:
        """Be silent."""
        self._do(lambda: self.session.media.be_silent(seconds))

    def collect(self, prompts: Sequence[Prompt], terms: DigitTerms) -> str:
        """Play prompts and collect the pressed keys."""
        for prompt in prompts:
            if isinstance(prompt, Say):
                self._note(f"“{prompt.text}”")
        sound = b"".join(map(sound_of, prompts))
        digits: str = self._do(lambda: self._collect(sound, terms))
        return digits

    def record(self, terms: RecordTerms) -> Recorded:
        """Listen to the phone; gives back how long it spoke."""
        recorded: Recorded = self._do(lambda: self._record(terms))
        return recorded

    def _play(self, sound: bytes) -> None:
        self._do(lambda: self.session.media.play(sound))

    def _do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self._waiter.wait(unless_over(self.session, work))

    async def _collect(self, sound: bytes, terms: DigitTerms) -> str:
        while not (terms.keeps_rest or self._keys.empty()):
            self._keys.get_nowait()
        prompting = asyncio.ensure_future(self.session.media.play(sound))
        key, digits = asyncio.ensure_future(self._keys.get()), ""
        try:
            await asyncio.wait({prompting, key}, return_when=asyncio.FIRST_COMPLETED)
            if key.done() and terms.barge_in:
                prompting.cancel()
            await asyncio.gather(prompting, return_exceptions=True)
            while True:
                await asyncio.wait({key}, timeout=terms.timeout_s)
                if not key.done() or (terms.finish_on and key.result() == terms.finish_on):
                    return digits
                digits += key.result()
                if len(digits) == terms.most:
                    return digits
                key = asyncio.ensure_future(self._keys.get())
        finally:
            key.cancel()
            prompting.cancel()

    async def _record(self, terms: RecordTerms) -> Recorded:
        loop, media = asyncio.get_running_loop(), self.session.media
        if terms.beep:
            await media.play(tone(*BEEP))
        began = last_loud = loop.time()

        def listen(sound: bytes) -> None:
            nonlocal last_loud
            if max(decode(sound), default=0) > LOUD:
                last_loud = loop.time()

        media.on_sound = listen
        quiet = asyncio.ensure_future(media.play(silence(1.0), repeat=True))
        try:
            while True:
                patience = min(last_loud + terms.timeout_s, began + terms.longest_s) - loop.time()
                if patience <= 0:
                    return Recorded(round(min(last_loud - began, terms.longest_s), 1))
                try:
                    key = await asyncio.wait_for(self._keys.get(), min(patience, 0.2))
                except TimeoutError:
                    continue
                if key in terms.finish_on:
                    return Recorded(round(loop.time() - began, 1), key)
        finally:
            quiet.cancel()
            media.on_sound = lambda _: None


def sound_of(prompt: Prompt) -> bytes:
    """A prompt as mu-law audio."""
    match prompt:
        case Say(text, loop):
            return speak(text) * loop
        case Play(_, digits, loop):
            return (key_tones(digits) if digits else chime()) * loop
        case Pause(length):
            return silence(length)


def chime() -> bytes:
    """Three notes."""
    return b"".join(tone((frequency,), seconds) for frequency, seconds in CHIME)
