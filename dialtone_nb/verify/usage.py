"""Whether a phone calls as it is used to: a phone whose password is abused suddenly calls all day long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from dialtone_nb.resources.model import Kind
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.phones import subject_of
from dialtone_nb.verify.seen import Seen
from dialtone_nb.verify.signs_of_life import DAYS, PLACED, Sign

# So many calls in a day are never out of habit, and so many times those of the busiest day before always are.
USUAL: Final = 10
TIMES: Final = 3
_DAY: Final = timedelta(days=1)


def usage_checks(seen: Seen, signs: Iterable[Sign], now: datetime) -> Iterator[Check]:
    """The calls that each phone with a credential placed in the last 24 hours, beside those of the days before."""
    network = seen.parameters.network
    domains = {network.sip_domain(seen.environment, emergency=flag) for flag in (True, False)}
    by_phone: dict[str, Counter[int]] = {}
    for sign in signs:
        if sign.what == PLACED and sign.domain in domains:
            by_phone.setdefault(sign.client, Counter())[(now - sign.at) // _DAY] += 1
    for name in seen.parameters.clients_in(seen.environment):
        if seen.find(Kind.CREDENTIAL, name) is not None:
            yield _usage(name, by_phone.get(name, Counter()))


def _usage(name: str, calls: Counter[int]) -> Check:
    last = calls[0]
    busiest = max((calls[day] for day in range(1, DAYS)), default=0)
    title = f"usage of {name}"
    found = f"{last} calls in 24 hours, at most {busiest} on a day of the {DAYS - 1} before"
    if last <= max(USUAL, TIMES * busiest):
        return good(subject_of(name), title, found, f"no more than {USUAL}, or {TIMES} times its busiest day")
    meaning = "somebody else may be calling with its password"
    repair = f"look at its calls with call_report; to stop them, client_setup with client {name} and action suspend"
    return wrong(subject_of(name), title, found, meaning, repair)
