"""What is to be seen of real phones: where they are registered, and what each has done so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from dialtone_nb.rehearsal.exchange.registrations import list_phones
from dialtone_nb.rehearsal.sip.address import TrunkAddress
from dialtone_nb.rehearsal.sip.built_in_network import BY_LAST_DIGITS, describe
from dialtone_nb.rehearsal.sip.journal import Journal, JournalEntry, Step
from dialtone_nb.rehearsal.sip.registrar import LocationService
from dialtone_nb.rehearsal.state.store import Store

NEWEST = 30  # steps of a phone on the page


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step on the way to a phone that works: what proves it, and where to look while that does not come."""

    words: str
    proofs: frozenset[Step]
    repair: str
    silence: str = ""  # what it means where the phone has done nothing at all


GOALS = (
    Milestone(
        "It registers",
        frozenset({"registered", "refreshed"}),
        "Check the outbound proxy, the SIP domain, that user name and auth ID are both the phone's name, and the "
        "password.",
        "So far nothing of it has come here at all: where it should have, it does not reach this machine.",
    ),
    Milestone(
        "It calls out",
        frozenset({"called"}),
        "Dial 503 555 0199. The phone's dial plan may be holding the digits back.",
    ),
    Milestone(
        "It is heard",
        frozenset({"spoke"}),
        "Call, and say something. Sound that does not arrive is a firewall's or a codec's: PCMU or PCMA, and UDP.",
    ),
    Milestone(
        "It rings",
        frozenset({"rang"}),
        "Have somebody call its number: “Ring it” in the walkthrough, or POST /calls.",
    ),
    Milestone("It answers", frozenset({"answered"}), "Lift the receiver while it rings."),
)


@dataclass(frozen=True, slots=True)
class PhoneProgress:
    """Answers who looks on. `now` is the registrar's clock, in seconds."""

    store: Store
    registrar: LocationService
    journal: Journal
    host: str
    port: int
    trunk: TrunkAddress | None
    tls_port: int  # 0 for none

    def registrations(self, now: float) -> list[dict[str, Any]]:
        """Every binding, as JSON; Twilio itself has no such list."""
        return [
            {
                "client": user,
                "domain": domain,
                "contact": binding.contact,
                "transport": binding.flow.transport,
                "address": "{}:{}".format(*binding.flow.peer),
                "user_agent": binding.user_agent,
                "registered_for_s": round(now - binding.since),
                "expires_in_s": max(0, round(binding.expires_at - now)),
                "refreshes": binding.refreshes,
            }
            for (user, domain), binding in self.registrar.everybody()
        ]

    def lives(self, now: float) -> list[dict[str, Any]]:
        """What each phone has done so far, as JSON; those that did something first. Times are seconds since 1970."""
        registered = {(one["client"], one["domain"]): one for one in self.registrations(now)}
        known = {(str(one["client"]), str(one["domain"])) for one in list_phones(self.store)}
        lives = [
            self._life(user, domain, registered.get((user, domain)))
            for user, domain in sorted(known | set(self.journal.phones()), key=lambda one: (one[1], one[0]))
        ]
        return sorted(lives, key=lambda life: not life["steps"])

    def page(self, now: float) -> str:
        """The page that shows what each phone has done so far; it looks again by itself."""
        numbers = [(f"503 555 {digits}", describe(far_side)) for digits, far_side in BY_LAST_DIGITS.items()]
        return _template().render(
            phones=_at_one_domain(self.lives(now)),
            host=self.host,
            port=self.port,
            trunk=self.trunk,
            tls_port=self.tls_port,
            numbers=numbers,
            newest=NEWEST,
        )

    def _life(self, user: str, domain: str, binding: dict[str, Any] | None) -> dict[str, Any]:
        entries = self.journal.entries(user, domain)
        return {
            "client": user,
            "domain": domain,
            "binding": binding,
            "trouble": entries[-1].detail if entries and entries[-1].step == "refused" else "",
            "goals": [
                {"words": goal.words, "repair": repair_of(goal, entries), "at": first_proof(goal, entries)}
                for goal in GOALS
            ],
            "steps": [{"at": entry.at, "step": entry.step, "detail": entry.detail} for entry in entries],
        }


def _at_one_domain(lives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lives for a page: a phone that may register at several domains stands there once, until it has chosen."""
    shown: dict[str, dict[str, Any]] = {}
    others = []
    for life in lives:
        known = shown.get(life["client"])
        if known is None:
            shown[life["client"]] = dict(life)
        elif life["steps"]:
            others.append(life)
        elif not known["steps"]:
            known["domain"] += f" or {life['domain']}"
    return sorted([*shown.values(), *others], key=lambda life: not life["steps"])


def repair_of(goal: Milestone, entries: list[JournalEntry]) -> str:
    """What to look at while a goal does not come."""
    return goal.repair if entries else f"{goal.repair} {goal.silence}".strip()


def first_proof(goal: Milestone, entries: list[JournalEntry]) -> float | None:
    """When a goal was first reached, in seconds since 1970; None where it was not."""
    return next((entry.at for entry in entries if entry.step in goal.proofs), None)


def clock(at: float) -> str:
    """A time as a clock on this machine shows it."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dialtone_nb.rehearsal.sip"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    return environment.get_template("phones.html.j2")
