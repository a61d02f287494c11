"""Whether a phone calls as it is used to: a phone whose password is abused suddenly calls all day long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from dialtone_nb.infrastructure.resources.credentials import CREDENTIAL
from dialtone_nb.verify.checks import Check, good, wrong
from dialtone_nb.verify.phones import subject_of
from dialtone_nb.verify.seen import Seen
from dialtone_nb.verify.signs_of_life import DAYS, PLACED, SUBJECT, Sign

# So many calls in a day are never out of habit, and so many times those of the busiest day before always are.
USUAL: Final = 10
TIMES: Final = 3
# How many names of no phone are told.
MOST_NAMES: Final = 5
_DAY: Final = timedelta(days=1)


def usage_checks(seen: Seen, signs: Iterable[Sign], now: datetime) -> Iterator[Check]:
    """The calls that each phone with a credential placed in the last 24 hours, beside those of the days before.

    And those under the name of no phone, if there were any.
    """
    network = seen.parameters.network
    domains = {network.sip_domain(seen.environment, emergency=flag) for flag in (True, False)}
    by_phone: dict[str, Counter[int]] = {}
    for sign in signs:
        if sign.what == PLACED and sign.domain in domains:
            by_phone.setdefault(sign.client, Counter())[(now - sign.at) // _DAY] += 1
    phones = seen.parameters.clients_in(seen.environment)
    for name in phones:
        if seen.find(CREDENTIAL, name) is not None:
            yield _usage(name, by_phone.get(name, Counter()))
    if strangers := sorted(name for name, calls in by_phone.items() if name not in phones and calls[0]):
        yield _strangers(strangers, sum(by_phone[name][0] for name in strangers))


def _strangers(names: Sequence[str], calls: int) -> Check:
    # A call came in with some phone's credential, but which name it shows is up to whoever calls.
    found = f"{calls} in 24 hours, as {', '.join(names[:MOST_NAMES])}{' and others' if names[MOST_NAMES:] else ''}"
    meaning = "somebody calls with a phone's password under another name, or a phone is set to another's SIP domain"
    repair = "see with explore whose number they show; give that phone its settings, or by client_setup a new password"
    return wrong(SUBJECT, "calls under names of no phone here", found, meaning, repair)


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
