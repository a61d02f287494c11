"""What each phone has done so far, step by step, for whoever sets one up."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dialtone_nb.rehearsal.sip.delays import Delay

Step = Literal[
    "registered",
    "refreshed",
    "unregistered",
    "lost",
    "refused",
    "called",
    "reached",
    "rang",
    "answered",
    "heard",
    "spoke",
    "pressed",
    "ended",
]
Note = Callable[[Step, str], None]  # writes down what one phone did: the step, and how
MOST_STEPS = 100  # of each phone
MOST_PHONES = 2000
MOST_DELAYS = 1000


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that a phone did, or that happened to it; `at` is in seconds since 1970, by this machine's clock."""

    at: float
    step: Step
    detail: str = ""


class Journal:
    """The last steps of every phone; threads may write and read it side by side."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], deque[JournalEntry]] = OrderedDict()
        self.delays: deque[Delay] = deque(maxlen=MOST_DELAYS)  # of the last calls, whoever placed them

    def note(self, user: str, domain: str, step: Step, detail: str = "") -> None:
        """Write a step down; of more than 2,000 phones, those that did nothing for longest are forgotten."""
        with self._lock:
            entries = self._entries.setdefault((user, domain), deque(maxlen=MOST_STEPS))
            self._entries.move_to_end((user, domain))
            if step == "refreshed" and entries and entries[-1].step == "refreshed":
                entries.pop()  # a phone that is left alone for a night fills no page
            entries.append(JournalEntry(self._now(), step, detail))
            while len(self._entries) > MOST_PHONES:
                self._entries.popitem(last=False)

    def entries(self, user: str, domain: str) -> list[JournalEntry]:
        """What one phone did, oldest first."""
        with self._lock:
            return list(self._entries.get((user, domain), ()))

    def phones(self) -> list[tuple[str, str]]:
        """The phones that did something, by domain and name."""
        with self._lock:
            return sorted(self._entries, key=lambda phone: (phone[1], phone[0]))
