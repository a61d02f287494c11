"""The journal: the steps of each phone so far, and the post-dial delays of the last calls."""

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
Note = Callable[[Step, str], None]  # adds a step of one phone, with its detail
MOST_STEPS = 100  # of each phone
MOST_PHONES = 2000
MOST_DELAYS = 1000


@dataclass(frozen=True, slots=True)
class PostDialDelay:
    """The post-dial delay of a call in seconds, from its INVITE to the far side's 180, and its parts.

    The webhook's part excludes the function's own time, which is the decision's.
    """

    total_s: float
    webhook_s: float
    decision_s: float

    @property
    def sip_s(self) -> float:
        """The rest: SIP messages in both directions, digest, records, and the far side's own time."""
        return self.total_s - self.webhook_s - self.decision_s

    @property
    def as_json(self) -> dict[str, float]:
        """The delay and its parts in milliseconds."""
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
    """One step of a phone; `at` is in seconds since 1970, in real time."""

    at: float
    step: Step
    detail: str = ""


class Journal:
    """The last steps of each phone; it is thread-safe."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], deque[JournalEntry]] = OrderedDict()
        self.delays: deque[PostDialDelay] = deque(maxlen=MOST_DELAYS)  # of the last calls of all phones

    def note(self, user: str, domain: str, step: Step, detail: str = "") -> None:
        """Add a step; with more than 2,000 phones, the least recently active ones are dropped."""
        with self._lock:
            entries = self._entries.setdefault((user, domain), deque(maxlen=MOST_STEPS))
            self._entries.move_to_end((user, domain))
            if step == "refreshed" and entries and entries[-1].step == "refreshed":
                entries.pop()  # keep only the last of consecutive refreshes, which would fill the page overnight
            entries.append(JournalEntry(self._now(), step, detail))
            while len(self._entries) > MOST_PHONES:
                self._entries.popitem(last=False)

    def entries(self, user: str, domain: str) -> list[JournalEntry]:
        """The steps of one phone, oldest first."""
        with self._lock:
            return list(self._entries.get((user, domain), ()))

    def phones(self) -> list[tuple[str, str]]:
        """The phones with steps, sorted by domain and name."""
        with self._lock:
            return sorted(self._entries, key=lambda phone: (phone[1], phone[0]))


class Stopwatch:
    """Runs from a call's INVITE (`began`, by `perf_counter`) until it first rings; then calls `told`."""

    def __init__(self, told: Callable[[str, PostDialDelay], None], began: float) -> None:
        self._told = told
        self._began = began
        self._webhook_s = self._decision_s = 0.0
        self._is_running = True

    def asked(self, answered: WebhookResponse) -> None:
        """Add the time of a webhook request."""
        self._decision_s += answered.function_s
        self._webhook_s += answered.took_s - answered.function_s

    def rings(self, address: str) -> None:
        """Stop, because this address rings."""
        if self._is_running:
            self._is_running = False
            self._told(address, PostDialDelay(time.perf_counter() - self._began, self._webhook_s, self._decision_s))
