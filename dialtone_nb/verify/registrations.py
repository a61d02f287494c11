"""What phones logged of their registrations, if `listen` kept it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.registrations.intervals import Known, PhoneKnown, evidence_of, find_intervals, sum_up
from dialtone_nb.phones.registrations.store import load_told
from dialtone_nb.verify.checks import Check, good, unknown, wrong
from dialtone_nb.verify.comparison import Comparison
from dialtone_nb.verify.phones import subject_of

LOOKED_AT: Final = timedelta(days=2)
# Reasons that only a wrong setting can have; other failures may pass by themselves.
_WRONG_SETTING: Final = ("401", "403", "404", "407")


def phones_known(project: Path, parameters: Parameters, now: datetime) -> dict[str, PhoneKnown]:
    """What phones logged about themselves, by name; phones that logged nothing are left out."""
    told = load_told(project, parameters.network, now - LOOKED_AT, now)
    heard = {one.client for one in told} & set(parameters.clients)
    return sum_up(find_intervals(map(evidence_of, told), heard, now - LOOKED_AT, now))


def registration_checks(compared: Comparison, known: dict[str, PhoneKnown]) -> Iterator[Check]:
    """The registration of each phone that has a credential and has told of it."""
    for name in compared.parameters.clients_in(compared.environment):
        if name in known and compared.find(CREDENTIAL, name) is not None:
            yield _check(name, known[name])


def _check(name: str, phone: PhoneKnown) -> Check:
    subject, title = subject_of(name), f"registration of {name}"
    if phone.known is Known.OFF and phone.reason.startswith(_WRONG_SETTING):
        meaning = "nobody can call it until its user name and password are right"
        return wrong(
            subject, title, phone.words, meaning, f"client_setup with client {name}, and enter its sheet again"
        )
    if phone.known is Known.ON and not phone.is_flapping:
        return good(subject, title, phone.words, "the phone says that it is registered")
    repair = "look at its power and its network" if phone.known is not Known.ON else "look at its router and its power"
    return unknown(subject, title, phone.words, "it may be away; its own words are all there is", repair)
