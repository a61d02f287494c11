"""The progress of real phones, as JSON and as a page: their registrations, and the milestones that each has reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from dialtone_nb.rehearsal.exchange.sip_registrations import list_phones
from dialtone_nb.rehearsal.sip.address import TrunkAddress
from dialtone_nb.rehearsal.sip.built_in_network import BY_LAST_DIGITS, describe
from dialtone_nb.rehearsal.sip.journal import Journal, JournalEntry, Step
from dialtone_nb.rehearsal.sip.location_service import LocationService
from dialtone_nb.rehearsal.state.store import Store

NEWEST = 30  # steps of a phone on the page


@dataclass(frozen=True, slots=True)
class Milestone:
    """One milestone of setting up a phone: the journal steps that prove it, and the repair until then."""

    words: str
    proofs: frozenset[Step]
    repair: str
    silence: str = ""  # added to the repair if the phone has done nothing at all


MILESTONES = (
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
    """The progress of the endpoint's phones. `now` is the location service's clock, in seconds."""

    store: Store
    locations: LocationService
    journal: Journal
    now: Callable[[], float]
    host: str
    port: int
    trunk: TrunkAddress | None
    tls_port: int  # 0 for none

    def registrations(self) -> list[dict[str, Any]]:
        """All bindings, as JSON; Twilio itself has no such list."""
        now = self.now()
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
            for (user, domain), binding in self.locations.all_bindings()
        ]

    def lives(self) -> list[dict[str, Any]]:
        """The progress of each phone, as JSON; active phones come first. Times are seconds since 1970."""
        registered = {(one["client"], one["domain"]): one for one in self.registrations()}
        known = {(str(one["client"]), str(one["domain"])) for one in list_phones(self.store)}
        lives = [
            self._life(user, domain, registered.get((user, domain)))
            for user, domain in sorted(known | set(self.journal.phones()), key=lambda one: (one[1], one[0]))
        ]
        return sorted(lives, key=lambda life: not life["steps"])

    def delays(self) -> list[dict[str, float]]:
        """The post-dial delays of the last calls, as JSON."""
        return [delay.as_json for delay in self.journal.delays]

    def page(self) -> str:
        """The page with each phone's progress, which refreshes itself."""
        numbers = [(f"503 555 {digits}", describe(far_side)) for digits, far_side in BY_LAST_DIGITS.items()]
        return _template().render(
            phones=_at_one_domain(self.lives()),
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
                {
                    "words": milestone.words,
                    "repair": repair_of(milestone, entries),
                    "at": first_proof(milestone, entries),
                }
                for milestone in MILESTONES
            ],
            "steps": [{"at": entry.at, "step": entry.step, "detail": entry.detail} for entry in entries],
        }


def _at_one_domain(lives: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The phones for the page: one that may register at several domains appears once, until it has used one."""
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


def repair_of(milestone: Milestone, entries: list[JournalEntry]) -> str:
    """The repair for a milestone that is not reached."""
    return milestone.repair if entries else f"{milestone.repair} {milestone.silence}".strip()


def first_proof(milestone: Milestone, entries: list[JournalEntry]) -> float | None:
    """The time when a milestone was first reached, in seconds since 1970, or None."""
    return next((entry.at for entry in entries if entry.step in milestone.proofs), None)


def clock(at: float) -> str:
    """A time of day in this machine's time zone."""
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
