"""The alerts of the last day, by code, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from dialtone_nb.account.account import Account
from dialtone_nb.calls.attempts.outcomes import code_of
from dialtone_nb.verify.checks import Check, good, unknown, wrong

SUBJECT = "Alerts of the last day"
LAST = timedelta(days=1)
# Alerts of any day in a healthy network: phones that are off, numbers that do not exist, broken lines. Only a person
# can tell whether one of these is a fault.
EVERYDAY = frozenset(
    {"13224", "13225", "13226", "32007", "32008", "32009", "32011", "32014", "32015", "32016", "32021", "32022"}
    | {"32202", "32203", "32212", "32216"}
)


@dataclass(frozen=True, slots=True)
class RecentAlert:
    """One alert: its code and when it was raised."""

    code: str
    at: datetime


def fetch_alerts(account: Account, now: datetime) -> list[RecentAlert]:
    """The account's alerts of the day before `now`, at all levels: many problems of a phone are only warnings."""
    alerts = account.client.monitor.v1.alerts.list(start_date=now - LAST, page_size=1000)
    return [RecentAlert(str(one.error_code), one.date_created) for one in alerts]


def alert_checks(alerts: Iterable[RecentAlert]) -> Iterator[Check]:
    """One check for each code; what can only come of a wrong setting is wrong, the rest for a person to judge."""
    ordered = sorted(alerts, key=lambda alert: (alert.code, alert.at))
    if not ordered:
        yield good(SUBJECT, "alerts", "none", "Twilio had nothing to complain of")
    for code, group in groupby(ordered, lambda alert: alert.code):
        ones = list(group)
        known = code_of(code)
        found = f"{len(ones)} time{'s' if len(ones) != 1 else ''}, last {ones[-1].at:%Y-%m-%d %H:%M} UTC"
        judge = unknown if code in EVERYDAY else wrong
        yield judge(SUBJECT, f"alert {code}", found, known.meaning, known.repair)
