"""What a real phone has done at the rehearsal's door: its steps and what it has yet to do; and one that was kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

KEPT = Path(__file__).with_name("kept_history.json")


@dataclass(frozen=True, slots=True)
class PhoneGoal:
    """One step on the way to a phone that works; seconds since the phone's first step, None while it has not come."""

    words: str
    repair: str
    after_s: float | None


@dataclass(frozen=True, slots=True)
class PhoneStep:
    """One thing that the phone did, or that happened to it; seconds since its first."""

    after_s: float
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class PhoneHistory:
    """What a phone has done; `registered` says where it is registered now, `trouble` why it was refused last."""

    client: str
    domain: str
    registered: str
    trouble: str
    goals: tuple[PhoneGoal, ...]
    steps: tuple[PhoneStep, ...]

    @property
    def next_goal(self) -> PhoneGoal | None:
        """What has to come next; None once all has come."""
        return next((goal for goal in self.goals if goal.after_s is None), None)


@dataclass(frozen=True, slots=True)
class KeptHistory:
    """The history of a phone that was recorded; `phone` is its make and release, `made_by` how it is recorded anew."""

    phone: str
    made_by: str
    life: PhoneHistory


def read_history(told: Mapping[str, Any]) -> PhoneHistory:
    """The history as the rehearsal tells it, with times from the phone's first step on."""
    began = told["steps"][0]["at"] if told["steps"] else 0.0

    def after(at: float | None) -> float | None:
        return None if at is None else round(at - began, 1)

    binding = told["binding"]
    return PhoneHistory(
        told["client"],
        told["domain"],
        f"{binding['address']} over {binding['transport']}, {binding['user_agent'] or 'a phone'}" if binding else "",
        told["trouble"],
        tuple(PhoneGoal(goal["words"], goal["repair"], after(goal["at"])) for goal in told["goals"]),
        tuple(PhoneStep(after(step["at"]) or 0.0, step["step"], step["detail"]) for step in told["steps"]),
    )


def write_kept_history(told: Mapping[str, Any], phone: str, made_by: str) -> str:
    """The text of the file that keeps a history, less what holds only at the moment."""
    life = replace(read_history(told), registered="", trouble="")
    return json.dumps(asdict(KeptHistory(phone, made_by, life)), indent=2, ensure_ascii=False) + "\n"


@cache
def load_kept_history() -> KeptHistory:
    """The history of a real phone that is kept with this package."""
    return TypeAdapter(KeptHistory).validate_json(KEPT.read_bytes())
