"""Where calls come from: events in files, a Parquet archive, or the account itself -> one `CallData`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from dialtone_nb.calls.frame import Phone, frame_calls, mask_parties
from dialtone_nb.calls.metrics import tally_attempts
from dialtone_nb.calls.quality import Finding, Quality
from dialtone_nb.errors import Fault, InputError

if TYPE_CHECKING:
    from dialtone_nb.account import Account
    from dialtone_nb.parameters import Parameters

TWILIO = "twilio"
# How far back the account is asked where no first day is given: Twilio keeps alerts and function logs for 30 days.
DEFAULT_DAYS = 30


@dataclass(frozen=True)
class CallData:
    """Attempts, one row each, where they came from, and what was odd about them; days are days of the time zone."""

    frame: pd.DataFrame
    source: str
    findings: tuple[Finding, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    time_zone: str = "UTC"

    def tally(self) -> pd.DataFrame:
        """The attempts counted by day and hour of the time zone, and by everything that a rate is asked for."""
        return tally_attempts(self.frame, self.time_zone)

    def select(self, *, environment: str = "", since: str = "", until: str = "") -> CallData:
        """The attempts of one environment and of the days `since` to `until`, both included; "" is no limit."""
        frame, findings = self.frame, list(self.findings)
        if environment and len(frame):
            chosen, finding = _of_environment(frame, environment)
            findings.append(finding)
            frame = chosen
        first, last = parse_day("since", since), parse_day("until", until)
        chosen = frame
        if first:
            chosen = chosen[chosen["started_at"] >= pd.Timestamp(first, tz=self.time_zone)]
        if last:
            chosen = chosen[chosen["started_at"] < pd.Timestamp(last + timedelta(days=1), tz=self.time_zone)]
        left_out = len(frame) - len(chosen)
        findings.append(Finding("attempts outside the days that were asked for", left_out, "left out, as asked"))
        return replace(
            self,
            frame=chosen.reset_index(drop=True),
            findings=tuple(finding for finding in findings if finding.count),
            first_day=first or self.first_day,
            last_day=last or self.last_day,
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th><td style="text-align: left">{escape(text)}</td></tr>'
            for name, text in self._facts()
        )
        return f'<table class="dialtone-table"><tbody>{rows}</tbody></table>'

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        days = f"{self.first_day or 'the first'} to {self.last_day or 'the last'}, days of {self.time_zone}"
        environments = ", ".join(sorted(self.frame["environment"].dropna().unique())) or "not told by the source"
        return [
            ("source", self.source),
            ("days", days),
            ("environments", environments),
            ("phones", f"{self.frame['client'].nunique():,}"),
            ("attempts", f"{len(self.frame):,}"),
            ("oddities", f"{len(self.findings)} kinds, listed under data quality" if self.findings else "none"),
        ]


def _of_environment(frame: pd.DataFrame, environment: str) -> tuple[pd.DataFrame, Finding]:
    if frame["environment"].isna().all():
        what = "attempts of which the source tells no environment"
        return frame, Finding(what, len(frame), f"kept, though {environment!r} was asked for")
    chosen = frame[frame["environment"] == environment]
    return chosen, Finding(f"attempts outside the environment {environment!r}", len(frame) - len(chosen), "left out")


class Runbook(Protocol):
    """What is needed of an open runbook here."""

    @property
    def parameters(self) -> Any: ...  # account, environment, source, archive, since, until, time_zone, show_numbers

    @property
    def account(self) -> Account: ...

    @property
    def declared(self) -> Parameters: ...

    @property
    def project(self) -> Path: ...


def load_runbook_calls(runbook: Runbook) -> CallData:
    """The attempts that a runbook's parameters name; the account is opened only where it is the source."""
    wanted = runbook.parameters
    options = {name: getattr(wanted, name) for name in ("environment", "since", "until", "time_zone", "show_numbers")}
    archive = find_archive(getattr(wanted, "archive", ""), runbook.project)
    if wanted.source != TWILIO:
        if archive:
            problem = f"keeps the account's own calls, but the source is {wanted.source!r}"
            raise InputError(Fault("parameter archive", problem, "leave it empty, or leave source at 'twilio'"))
        return load_calls(find_source(wanted.source, runbook.project), **options)
    declared = runbook.declared
    phones = {client.caller_id: Phone(name, client.environment) for name, client in declared.clients.items()}
    service = declared.network.service.name
    return load_calls(TWILIO, runbook.account, service=service, phones=phones, archive=archive, **options)


def load_calls(
    source: str | Path,
    account: Account | None = None,
    *,
    environment: str = "",
    since: str = "",
    until: str = "",
    time_zone: str = "UTC",
    service: str = "",
    phones: Mapping[str, Phone] | None = None,
    archive: str = "",
    show_numbers: bool = False,
) -> CallData:
    """The attempts of a source: "twilio" (the account's own calls), a folder or archive of events, or of Parquet days.

    `service` is the Serverless service whose log tells what the dial plan refused, `phones` has our phones by number.
    With `archive` the account's calls are kept there, and what is new is all that the account is asked for.
    Other parties' numbers are masked unless they are asked for.
    """
    check_time_zone(time_zone)
    if str(source) == TWILIO:
        if account is None:
            raise InputError(Fault("parameter source", "is 'twilio', but no account is open", "open one"))
        if archive:
            data = _load_synced(account, archive, since, until, time_zone, service, phones or {})
        else:
            data = _load_account(account, since, until, time_zone, service, phones or {})
    else:
        data = replace(_load_path(Path(source).expanduser()), time_zone=time_zone)
    data = data.select(environment=environment, since=since, until=until)
    return data if show_numbers else replace(data, frame=mask_parties(data.frame))


def find_source(source: str, project: Path) -> Path:
    """The path that a runbook's parameter means: as it stands, else within the project.

    papermill works in its caller's folder, JupyterLab in the notebook's; a path in the project is found from both.
    """
    path = Path(source).expanduser()
    return path if path.is_absolute() or path.exists() else project / path


def find_archive(archive: str, project: Path) -> str:
    """The address or path that the parameter means, a path within the project where it is not absolute; "" for none."""
    if not archive or "://" in archive:
        return archive
    return str(project / Path(archive).expanduser())


def parse_day(name: str, text: str) -> date | None:
    """The day that a parameter such as 2025-01-31 names; None for ""."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(Fault(f"parameter {name}", f"is no day: {text!r}", "write it as 2025-01-31")) from None


def check_time_zone(name: str) -> None:
    """Nothing where this is a time zone's name; an `InputError` where it is none."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            Fault("parameter time_zone", f"is no time zone: {name!r}", "write it as America/Los_Angeles, or UTC")
        ) from None


def _load_path(path: Path) -> CallData:
    from dialtone_nb.calls.archive import is_call_archive, load_archive
    from dialtone_nb.calls.events import collect_events, frame_events
    from dialtone_nb.calls.read_events import read_event_files

    quality = Quality()
    if is_call_archive(path):
        return CallData(load_archive(str(path)), path.name)
    log = collect_events(read_event_files(path, quality), quality)
    if not log.names:
        raise InputError(Fault(f"source {path}", "holds no call events", "name a folder or archive of event files"))
    frame = frame_events(log, quality)
    days = sorted(day for day in log.days if _is_day(day))
    if not days:
        return CallData(frame, path.name, quality.findings())
    missing = pd.date_range(days[0], days[-1]).difference(pd.DatetimeIndex(days))
    examples = ", ".join(f"{day:%Y-%m-%d}" for day in missing[:5])
    quality.note("days without any event", "a gap in the log", len(missing), examples)
    return CallData(frame, path.name, quality.findings(), date.fromisoformat(days[0]), date.fromisoformat(days[-1]))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _load_synced(
    account: Account,
    archive: str,
    since: str,
    until: str,
    time_zone: str,
    service: str,
    phones: Mapping[str, Phone],
) -> CallData:
    """All that the archive holds, once it is up to date; only the days that are asked for are read from it."""
    from dialtone_nb.calls.archive import load_archive
    from dialtone_nb.calls.sync import sync_calls

    first, last = parse_day("since", since), parse_day("until", until)
    now = account.now()
    if first and first > (last or now.astimezone(ZoneInfo(time_zone)).date()):
        raise InputError(Fault("parameters since and until", f"{first} is after the last day", "turn them round"))
    margin = timedelta(days=0 if time_zone == "UTC" else 1)
    quality = Quality()
    begin = first and first - margin
    synced = sync_calls(account.client, archive, now=now, first=begin, service=service, phones=phones, quality=quality)
    frame = load_archive(archive, str(begin or ""), str(last + margin) if last else "")
    data = CallData(frame, account.label, quality.findings(), time_zone=time_zone)
    from_day, to_day = first or synced.covered.first, last or now.astimezone(ZoneInfo(time_zone)).date()
    inside = data.select(since=from_day.isoformat(), until=to_day.isoformat())
    return replace(inside, findings=data.findings)


def _load_account(
    account: Account, since: str, until: str, time_zone: str, service: str, phones: Mapping[str, Phone]
) -> CallData:
    from dialtone_nb.calls.fetch import fetch_calls

    last = parse_day("until", until) or account.now().astimezone(ZoneInfo(time_zone)).date()
    first = parse_day("since", since) or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise InputError(Fault("parameters since and until", f"{first} is after {last}", "turn them round"))
    # A day of another zone lies in two UTC days.
    margin = timedelta(days=0 if time_zone == "UTC" else 1)
    quality = Quality()
    fetched = fetch_calls(account.client, first - margin, last + margin, service=service, quality=quality)
    frame = frame_calls(fetched.calls, fetched.alerts, fetched.events, phones=phones, quality=quality)
    data = CallData(frame, account.label, quality.findings(), first, last, time_zone)
    # The calls of the margin, and those that a generous window brought along, are not what was asked for.
    inside = data.select(since=first.isoformat(), until=last.isoformat())
    return replace(inside, findings=data.findings)
