"""The wait before it rings: from a phone's INVITE to the far end's 180, and where that time goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dialtone_nb.rehearsal.exchange.webhooks import WebhookResponse


@dataclass(frozen=True, slots=True)
class Delay:
    """The wait of one call, in seconds: all of it, of that the webhook without its function, and the function."""

    total_s: float
    webhook_s: float
    decision_s: float

    @property
    def sip_s(self) -> float:
        """What is neither: messages both ways, the digest, records, and the far end's own time."""
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


class Stopwatch:
    """Runs from a call's INVITE, at `began` by `perf_counter`, until it first rings somewhere; then `told` is told."""

    def __init__(self, told: Callable[[str, Delay], None], began: float) -> None:
        self._told = told
        self._began = began
        self._webhook_s = self._decision_s = 0.0
        self._is_running = True

    def asked(self, answered: WebhookResponse) -> None:
        """An application has answered."""
        self._decision_s += answered.function_s
        self._webhook_s += answered.took_s - answered.function_s

    def rings(self, address: str) -> None:
        """It rings there."""
        if self._is_running:
            self._is_running = False
            self._told(address, Delay(time.perf_counter() - self._began, self._webhook_s, self._decision_s))
