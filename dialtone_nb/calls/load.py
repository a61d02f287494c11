"""Where calls come from: events in files, a Parquet archive, or the account itself -> one `CallData`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dialtone_nb.calls.frame import mask_parties
from dialtone_nb.calls.quality import Finding, Quality
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.yaml_models import suggest

if TYPE_CHECKING:
    from dialtone_nb.account import Account

TWILIO = "twilio"
# How far back the account is asked where no first day is given: Twilio keeps alerts and function logs for 30 days.
DEFAULT_DAYS = 30


@dataclass(frozen=True)
class CallData:
    """Attempts, one row each, where they came from, and what was odd about them."""

    frame: pd.DataFrame
    source: str
    findings: tuple[Finding, ...]
    first_day: date | None = None
    last_day: date | None = None

    def select(self, *, environment: str = "", since: str = "", until: str = "") -> CallData:
        """The attempts of one environment and of the UTC days `since` to `until`, both included; "" is no limit."""
        frame, findings = self.frame, list(self.findings)
        if environment:
            known = sorted(frame["environment"].dropna().unique())
            if known and environment not in known:
                raise InputError(
                    Fault("parameter environment", f"no call is of {environment!r}", suggest(environment, known))
                )
            chosen = frame[frame["environment"] == environment]
            findings += _left_out(frame, chosen, f"attempts outside the environment {environment!r}")
            frame = chosen
        first, last = parse_day("since", since), parse_day("until", until)
        chosen = frame
        if first:
            chosen = chosen[chosen["started_at"] >= pd.Timestamp(first, tz="UTC")]
        if last:
            chosen = chosen[chosen["started_at"] < pd.Timestamp(last + timedelta(days=1), tz="UTC")]
        findings += _left_out(frame, chosen, "attempts outside the days that were asked for")
        return replace(
            self,
            frame=chosen.reset_index(drop=True),
            findings=tuple(findings),
            first_day=first or self.first_day,
            last_day=last or self.last_day,
        )


def _left_out(before: pd.DataFrame, after: pd.DataFrame, what: str) -> list[Finding]:
    count = len(before) - len(after)
    return [Finding(what, count, "left out, as asked")] if count else []


def parse_day(name: str, text: str) -> date | None:
    """The day that a parameter such as 2025-01-31 names; None for ""."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(Fault(f"parameter {name}", f"is no day: {text!r}", "write it as 2025-01-31")) from None


def load_calls(
    source: str | Path,
    account: Account | None = None,
    *,
    since: str = "",
    until: str = "",
    environment: str = "",
    service: str = "",
    clients_by_number: Mapping[str, str] | None = None,
    show_numbers: bool = False,
) -> CallData:
    """The attempts of a source: "twilio" (the account's own calls), a folder or archive of events, or of Parquet days.

    `since` and `until` are UTC days; `service` is the Serverless service whose log tells what the dial plan refused.
    Other parties' numbers are masked unless they are asked for.
    """
    if str(source) == TWILIO:
        if account is None:
            raise InputError(Fault("parameter source", "is 'twilio', but no account is open", "open one"))
        data = _load_account(account, since, until, service, clients_by_number or {})
    else:
        data = _load_path(Path(source).expanduser())
    data = data.select(environment=environment, since=since, until=until)
    return data if show_numbers else replace(data, frame=mask_parties(data.frame))


def _load_path(path: Path) -> CallData:
    from dialtone_nb.calls.archive import is_call_archive, load_archive
    from dialtone_nb.calls.events import collect_events, frame_events
    from dialtone_nb.calls.read_events import read_event_files

    quality = Quality()
    if is_call_archive(path):
        return CallData(load_archive(str(path)), path.name, quality.findings())
    log = collect_events(read_event_files(path, quality), quality)
    if not log.names:
        raise InputError(Fault(f"source {path}", "holds no call events", "name a folder or archive of event files"))
    frame = frame_events(log, quality)
    days = sorted(day for day in log.days if _is_day(day))
    if days:
        missing = pd.date_range(days[0], days[-1]).difference(pd.DatetimeIndex(days))
        quality.note(
            "days without any event",
            "a gap in the log",
            len(missing),
            ", ".join(str(day.date()) for day in missing[:5]),
        )
    first, last = (date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else (None, None)
    return CallData(frame, path.name, quality.findings(), first, last)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _load_account(
    account: Account, since: str, until: str, service: str, clients_by_number: Mapping[str, str]
) -> CallData:
    from dialtone_nb.calls.fetch import fetch_calls
    from dialtone_nb.calls.frame import frame_calls

    last = parse_day("until", until) or account.now().date()
    first = parse_day("since", since) or last - timedelta(days=DEFAULT_DAYS - 1)
    quality = Quality()
    fetched = fetch_calls(account.client, first, last, service=service, quality=quality)
    frame = frame_calls(
        fetched.calls, fetched.alerts, fetched.events, clients_by_number=clients_by_number, quality=quality
    )
    return CallData(frame, account.label, quality.findings(), first, last)
