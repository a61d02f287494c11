"""What each phone has done so far, step by step, and how long its calls waited until they rang (post-dial delay)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dialtone_nb.rehearsal.exchange.webhooks import WebhookResponse

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
    "ended",
]
Note = Callable[[Step, str], None]  # writes down what one phone did: the step, and how
MOST_STEPS = 100  # of each phone
MOST_PHONES = 2000
MOST_DELAYS = 1000


@dataclass(frozen=True, slots=True)
class PostDialDelay:
    """How long a caller waited until it rang, in seconds: from the INVITE to the far side's 180, and where it went.

    The webhook's share is without its function, which is the decision's.
    """

    total_s: float
    webhook_s: float
    decision_s: float

    @property
    def sip_s(self) -> float:
        """What is neither: messages both ways, the digest, records, and the far side's own time."""
        return self.total_s - self.webhook_s - self.decision_s

    @property
    def as_json(self) -> dict[str, float]:
        """Its parts, in milliseconds."""
        return {
            "total_ms": self.total_s * 1000,
            "sip_ms": self.sip_s * 1000,
            "webhook_ms": self.webhook_s * 1000,
            "decision_ms": self.decision_s * 1000,
        }

    def __str__(self) -> str:
        parts = (("SIP", self.sip_s), ("webhook", self.webhook_s), ("decision", self.decision_s))
        told = ", ".join(f"{name} {seconds * 1000:.1f}" for name, seconds in parts)
        return f"{self.total_s * 1000:.0f} ms after the INVITE: {told}"


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
        self.delays: deque[PostDialDelay] = deque(maxlen=MOST_DELAYS)  # of the last calls, whoever placed them

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


class Stopwatch:
    """Runs from a call's INVITE, at `began` by `perf_counter`, until it first rings somewhere; then `told` is told."""

    def __init__(self, told: Callable[[str, PostDialDelay], None], began: float) -> None:
        self._told = told
        self._began = began
        self._webhook_s = self._decision_s = 0.0
        self._is_running = True

    def asked(self, answered: WebhookResponse) -> None:
        """Count the time of an application that has answered."""
        self._decision_s += answered.function_s
        self._webhook_s += answered.took_s - answered.function_s

    def rings(self, address: str) -> None:
        """Stop: it rings at this address."""
        if self._is_running:
            self._is_running = False
            self._told(address, PostDialDelay(time.perf_counter() - self._began, self._webhook_s, self._decision_s))
