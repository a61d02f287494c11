"""Usage records: number, minutes and price of the calls, by category and by day, month or year.

Only answered calls count. Paths, filters and fields are as documented (twilio_api_v2010); the order of the records is
assumed, and categories of what the rehearsal does not have are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlencode

from dialtone_nb.rehearsal.api.collection import API_2010, VERSION, account_uri
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, flag, read_parameters
from dialtone_nb.rehearsal.state.call_prices import started_minutes
from dialtone_nb.rehearsal.state.call_records import CallRecord, Condition, walk_calls
from dialtone_nb.rehearsal.state.clock import BEGINNING
from dialtone_nb.rehearsal.state.store import Body, Tables

DESCRIPTIONS = {
    "calls": "Voice Minutes",
    "calls-inbound": "Inbound Voice Minutes",
    "calls-inbound-local": "Inbound Local Calls",
    "calls-inbound-tollfree": "Inbound Toll Free Calls",
    "calls-outbound": "Outbound Voice Minutes",
    "calls-sip": "SIP Minutes",
    "calls-sip-inbound": "Inbound SIP Minutes",
    "calls-sip-outbound": "Outbound SIP Minutes",
    "totalprice": "Total Price",
}
PRICE_UNIT = "usd"
_TOLL_FREE = re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}")


@dataclass(frozen=True, slots=True)
class Span:
    """A range of days in UTC, both ends included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Used:
    """Usage of a category: answered calls, started minutes, US dollars."""

    calls: int = 0
    minutes: int = 0
    price: float = 0.0

    def __add__(self, other: Used) -> Used:
        return Used(self.calls + other.calls, self.minutes + other.minutes, self.price + other.price)


def _cut(span: Span, is_first: Callable[[date], bool]) -> Iterator[Span]:
    """The span cut into parts, newest first, each starting on a day that `is_first` takes."""
    days = (span.last - timedelta(days=back) for back in range((span.last - span.first).days))
    starts = [span.last + timedelta(days=1), *(day for day in days if is_first(day)), span.first]
    for after, first in pairwise(starts):
        if first < after:
            yield Span(first, after - timedelta(days=1))


def _every(_: date) -> bool:
    return True


def _whole(_: date) -> bool:
    return False


def _month_until(last: date) -> Span:
    return Span(last.replace(day=1), last)


# The lists by name: the days that each covers, given today (None: those asked for), and the first days of its records.
LISTS: Mapping[str, tuple[Callable[[date], Span] | None, Callable[[date], bool]]] = {
    "": (None, _whole),
    "AllTime": (None, _whole),
    "Daily": (None, _every),
    "LastMonth": (lambda today: _month_until(today.replace(day=1) - timedelta(days=1)), _whole),
    "Monthly": (None, lambda day: day.day == 1),
    "ThisMonth": (_month_until, _whole),
    "Today": (lambda today: Span(today, today), _whole),
    "Yearly": (None, lambda day: (day.month, day.day) == (1, 1)),
    "Yesterday": (lambda today: Span(today - timedelta(days=1), today - timedelta(days=1)), _whole),
}


def _date(value: str) -> date | timedelta:
    """A date, or an offset from today, as in `-30days`."""
    if offset := re.fullmatch(r"([+-][0-9]{1,4})days?", value):
        return timedelta(days=int(offset[1]))
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise ValueError("must be a date as in 2026-03-02, or an offset as in -30days") from None


FILTERS = (
    Parameter("Category"),
    Parameter("StartDate", _date),
    Parameter("EndDate", _date),
    Parameter("IncludeSubaccounts", flag),
)


def _categories(call: CallRecord) -> tuple[str, ...]:
    """The categories that a call counts in: its own and those above it."""
    is_inbound = call.direction == "inbound"
    if (call.from_ if is_inbound else call.to).startswith("sip"):
        return "calls-sip-inbound" if is_inbound else "calls-sip-outbound", "calls-sip", "calls", "totalprice"
    if not is_inbound:
        return "calls-outbound", "calls", "totalprice"
    kind = "calls-inbound-tollfree" if _TOLL_FREE.fullmatch(call.to) else "calls-inbound-local"
    return kind, "calls-inbound", "calls", "totalprice"


def _used(calls: Iterable[CallRecord], now: float) -> dict[tuple[str, date], Used]:
    """Usage by category and day; a call's price counts once it has settled."""
    used: dict[tuple[str, date], Used] = {}
    for call in calls:
        if call.answered is None:
            continue
        is_settled = call.settled is not None and call.settled <= now
        one = Used(1, started_minutes(call), call.price or 0.0 if is_settled else 0.0)
        day = _day_of(call.started)
        for category in _categories(call):
            used[category, day] = used.get((category, day), Used()) + one
    return used


def _day_of(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def _body(uri: str, account_sid: str, now: float, category: str, span: Span, used: Used) -> Body:
    records = f"{uri}/Usage/Records"
    dates = {"StartDate": span.first.isoformat(), "EndDate": span.last.isoformat()}
    is_price = category == "totalprice"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "as_of": datetime.fromtimestamp(int(now), UTC).isoformat(),
        "category": category,
        "count": None if is_price else str(used.calls),
        "count_unit": "" if is_price else "calls",
        "description": DESCRIPTIONS[category],
        "end_date": dates["EndDate"],
        "price": f"{used.price:.5f}",
        "price_unit": PRICE_UNIT,
        "start_date": dates["StartDate"],
        "subresource_uris": {
            Parameter(path).key: f"{records}/{path}.json?{urlencode({'Category': category})}" for path in LISTS if path
        },
        "uri": f"{records}.json?{urlencode({'Category': category, **dates})}",
        "usage": f"{used.price:.5f}" if is_price else str(used.minutes),
        "usage_unit": PRICE_UNIT if is_price else "minutes",
    }


def _operation(path: str) -> Operation:
    span_of, is_first = LISTS[path]

    def answer(tables: Tables, request: ApiRequest) -> ApiResponse:
        wanted, now = read_parameters(FILTERS, request.query), tables.now()
        today = _day_of(now)

        def day(name: str, usual: date) -> date:
            given = wanted.get(name, usual)
            found = today + given if isinstance(given, timedelta) else given
            # There is no usage before the account's first day or after today.
            return min(max(found, beginning), today)

        earliest = tables.sql.execute("SELECT min(started) FROM calls").fetchone()[0]
        beginning = min(_day_of(BEGINNING if earliest is None else min(earliest, BEGINNING)), today)
        asked = Span(day("start_date", beginning), day("end_date", today))
        span = span_of(today) if span_of else asked
        since, until = (
            datetime(one.year, one.month, one.day, tzinfo=UTC).timestamp()
            for one in (span.first, span.last + timedelta(days=1))
        )
        calls = walk_calls(tables, [Condition("started >= ?", since), Condition("started < ?", until)])
        used = _used(calls, now)
        categories = [one for one in DESCRIPTIONS if wanted.get("category") in {None, "", one}]
        records = [
            (category, one, sum((used.get((category, each.first), Used()) for each in _cut(one, _every)), Used()))
            for one in _cut(span, is_first)
            for category in categories
        ]
        uri, account_sid = account_uri(tables), tables.identity.account_sid
        return list_response(
            request,
            "usage_records",
            records,
            lambda record: _body(uri, account_sid, now, *record),
            lambda record: f"{record[0]}{record[1].first:%Y%m%d}",
        )

    return API_2010.operation("GET", f"/Usage/Records/{path}".rstrip("/"), answer)


OPERATIONS = tuple(map(_operation, LISTS))
