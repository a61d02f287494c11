"""Loading calls: from log files, a Parquet archive, or the account -> `CallData`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname
from zoneinfo import ZoneInfo

import pandas as pd

from dialtone_nb.calls.attempts.call_data import CallData, parse_day
from dialtone_nb.calls.attempts.parts import HERE, Attempts
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.file_source.asterisk_cdr import LocalNetwork
from dialtone_nb.calls.file_source.other_logs import OtherLogs, join_attempts
from dialtone_nb.calls.file_source.times import parse_time
from dialtone_nb.calls.twilio_source.frame import Phone, frame_calls, phones_by_number
from dialtone_nb.calls.twilio_source.server_log import LogSource, log_source
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters.field_types import is_time_zone

if TYPE_CHECKING:
    from dialtone_nb.account.account import Account
    from dialtone_nb.calls.archive.sync import Progress, Span
    from dialtone_nb.parameters import Parameters


__all__ = ["CallData", "load_calls", "load_runbook_calls"]

TWILIO = "twilio"
# Parameters that filter a report's attempts.
FILTERS = ("client", "direction", "outcome", "reason", "number")
# Days fetched if no first day is given: Twilio keeps alerts and function logs for 30 days.
DEFAULT_DAYS = 30


class CallRunbook(Protocol):
    """The part of an open runbook that loading calls needs."""

    @property
    def parameters(
        self,
    ) -> Any: ...  # account, source, archive, engine, and what to select

    @property
    def account(self) -> Account: ...

    @property
    def declared(self) -> Parameters: ...

    @property
    def project(self) -> Path: ...

    @property
    def attended(self) -> bool: ...


def load_runbook_calls(runbook: CallRunbook) -> CallData:
    """The attempts selected by a runbook's parameters; the account is opened only if it is the source."""
    wanted = runbook.parameters
    options = {name: getattr(wanted, name) for name in ("environment", "since", "until", "time_zone", "show_numbers")}
    options["time_zone"] = options["time_zone"] or runbook.declared.network.time_zone
    options["engine"] = getattr(wanted, "engine", HERE)
    options["where"] = {name: value for name in FILTERS if (value := getattr(wanted, name, ""))}
    archive = find_archive(getattr(wanted, "archive", ""), runbook.project)
    if wanted.source != TWILIO:
        if archive:
            problem = f"keeps the account's own calls, but the source is {wanted.source!r}"
            raise InputError(Fault("parameter archive", problem, "leave it empty, or leave source at 'twilio'"))
        log_time_zone = getattr(wanted, "log_time_zone", "")
        check_time_zone(log_time_zone or "UTC", "log_time_zone")
        network = partial(_local_network, runbook, log_time_zone)
        return load_calls(find_source(wanted.source, runbook.project), network=network, **options)
    declared = runbook.declared
    phones = phones_by_number(declared)
    service = log_source(declared.network, runbook.account, runbook.project)
    with progress_bar(attended=runbook.attended) as on_span:
        return load_calls(
            TWILIO, runbook.account, service=service, phones=phones, archive=archive, on_span=on_span, **options
        )


def _local_network(runbook: CallRunbook, time_zone: str) -> LocalNetwork:
    """Our phones, and the time zone for an Asterisk log: the parameter's, or else network.yaml's."""
    declared = runbook.declared
    by_name = {name: Phone(name, client.environment) for name, client in declared.clients.items()}
    zone = time_zone or declared.network.time_zone
    return LocalNetwork(phones_by_number(declared) | by_name, zone, is_asked=bool(time_zone))


def load_calls(
    source: str | Path,
    account: Account | None = None,
    *,
    environment: str = "",
    since: str = "",
    until: str = "",
    time_zone: str = "UTC",
    service: LogSource = "",
    phones: Mapping[str, Phone] | None = None,
    network: Callable[[], LocalNetwork] = LocalNetwork,
    archive: str = "",
    show_numbers: bool = False,
    engine: str = HERE,
    where: Mapping[str, str] = MappingProxyType({}),
    on_span: Progress = lambda span, attempts, days: None,
) -> CallData:
    """The attempts of a source: "twilio" (the account's own calls), log files of any format, or a Parquet archive.

    `service` is the source of the log with the dial plan's refusals, `phones` are our phones by number, and `network`
    gives what log files leave out.
    With `archive`, the account's calls are kept there, and only new ones are fetched. `where` filters the attempts, by
    the names of `FILTERS`.
    Other parties' numbers are masked unless `show_numbers` is set. `engine` is the tcp://… address of a Dask scheduler;
    if it is empty, attempts are counted on this machine.
    """
    check_time_zone(time_zone)
    first, last = parse_day("since", since), parse_day("until", until)
    if first and last and first > last:
        raise InputError(Fault("parameters since and until", f"{first} is after {last}", "turn them round"))
    if str(source) == TWILIO:
        if account is None:
            raise InputError(Fault("parameter source", "is 'twilio', but no account is open", "open one"))
        data = _load_account(account, archive, first, last, time_zone, service, phones or {}, on_span)
    else:
        data = replace(_load_kept(str(source), network), time_zone=time_zone)
    data = data.select(environment=environment, since=since, until=until).narrow(**where)
    return replace(data, attempts=replace(data.attempts.select(show_numbers=show_numbers), engine=engine))


def find_source(source: str, project: Path) -> str:
    """The address or path in a runbook's parameter; a relative path that does not exist is taken from the project.

    papermill runs in its caller's folder, JupyterLab in the notebook's: a path in the project is found from both.
    """
    if not source.strip():
        raise InputError(Fault("parameter source", "is empty", "write 'twilio', or the path of a file or folder"))
    source = _without_scheme(source)
    path = Path(source).expanduser()
    return source if "://" in source else str(path if path.is_absolute() or path.exists() else project / path)


def _without_scheme(source: str) -> str:
    """The path of a file:// address; any other address as it is."""
    return url2pathname(urlsplit(source).path) if source.startswith("file://") else source


def find_archive(archive: str, project: Path) -> str:
    """The address or path in the parameter `archive`; relative paths are taken from the project, "" is none."""
    if not archive or "://" in archive:
        return archive
    path = project / Path(archive).expanduser()
    if path.exists() and not path.is_dir():
        raise InputError(Fault("parameter archive", f"{archive} is a file", "name a folder, which need not be there"))
    return str(path)


def check_time_zone(name: str, parameter: str = "time_zone") -> None:
    """Raise InputError if this is not the name of a time zone."""
    if not is_time_zone(name):
        raise InputError(
            Fault(f"parameter {parameter}", f"is not a time zone: {name!r}", "write it as America/Los_Angeles, or UTC")
        )


def _load_kept(source: str, network: Callable[[], LocalNetwork]) -> CallData:
    """The attempts of an archive, at an address or in a folder, or of log files."""
    from dialtone_nb.calls.archive.days import is_call_archive

    source = _without_scheme(source)
    path = Path(source).expanduser()
    address, name = (source, source) if "://" in source else (str(path), path.name)
    try:
        if "://" not in source and not is_call_archive(path):
            return _load_files(path, network)
        attempts = Attempts.of_archive(address)
    except OSError as error:
        problem = f"can't be read: {error.strerror or ' '.join(str(error).split())}"
        raise InputError(Fault(f"source {source}", problem, "check the address, and that it can be reached")) from None
    if not attempts.parts:
        raise InputError(Fault(f"source {source}", "holds no days of calls", "check the address"))
    from dialtone_nb.calls.archive.sync import note_gone

    quality = Quality()
    note_gone(address, quality)
    return CallData(attempts, name, quality.findings())


def _load_files(path: Path, network: Callable[[], LocalNetwork]) -> CallData:
    from dialtone_nb.calls.event_source.frame import frame_events
    from dialtone_nb.calls.file_source.read_files import read_files

    framed = frame_events(partial(read_files, path))
    log, quality = framed.log, framed.quality
    others = OtherLogs.join(log.others)
    days = sorted(day for day in log.days if _is_day(day))
    if not others:
        quality.note("alerts without Twilio's records of their calls", "not used", len(others.alerts))
    if not others and (not days or log.is_unreadable):
        raise _nothing_read(path, quality)
    attempts = join_attempts(framed.attempts, others, network, quality)
    if days:
        missing = pd.date_range(days[0], days[-1]).difference(pd.DatetimeIndex(days))
        examples = ", ".join(f"{day:%Y-%m-%d}" for day in missing[:5])
        quality.note("days without any event", "a gap in the log", len(missing), examples)
    covered = [date.fromisoformat(day) for day in (*days[:1], *days[-1:])]
    if others:
        called = attempts.load()["started_at"]
        if called.empty:
            raise _nothing_read(path, quality)
        covered += [called.min().date(), called.max().date()]
    return CallData(attempts, path.name, quality.findings(), min(covered), max(covered))


def _nothing_read(path: Path, quality: Quality) -> InputError:
    """The error for a source without calls, with the first finding as the reason."""
    why = [f": {one.what}, such as {one.example}" if one.example else f": {one.what}" for one in quality.findings()[:1]]
    repair = "name a log of call events, of Twilio's call records, or of Asterisk's CDRs"
    return InputError(Fault(f"source {path}", "".join(["holds no calls", *why]), repair))


def _is_day(text: str) -> bool:
    return len(text) == len("2025-01-31") and parse_time(text) is not None


def _load_account(
    account: Account,
    archive: str,
    begin: date | None,
    end: date | None,
    time_zone: str,
    service: LogSource,
    phones: Mapping[str, Phone],
    on_span: Progress,
) -> CallData:
    """The account's calls of the requested days; with an archive it is synced first, and they are loaded from it."""
    now = account.now()
    today = now.astimezone(ZoneInfo(time_zone)).date()
    _check_day(account, begin, today)
    # No call of tomorrow is there to be asked for, day by day.
    last = min(end or today, today)
    # A day of another time zone spans two UTC days.
    margin = timedelta(days=0 if time_zone == "UTC" else 1)
    quality = Quality()
    read = ""
    if archive:
        from dialtone_nb.calls.archive.sync import sync_calls

        earliest = begin and begin - margin
        options: dict[str, Any] = {"service": service, "phones": phones, "quality": quality, "on_span": on_span}
        synced = sync_calls(account.client, archive, now=now, first=earliest, **options)
        read = f"{synced.days_read} days asked for, {synced.days_written} of them new or changed"
        first = begin or synced.covered.first
        attempts = Attempts.of_archive(archive, str(earliest or ""), str(end + margin) if end else "")
    else:
        from dialtone_nb.calls.twilio_source.fetch import fetch_calls

        first = begin or last - timedelta(days=DEFAULT_DAYS - 1)
        fetched = fetch_calls(account.client, first - margin, last + margin, service=service, quality=quality)
        framed = frame_calls(fetched.calls, fetched.alerts, fetched.events, phones=phones, quality=quality)
        attempts = Attempts.of(framed)
    data = CallData(attempts, account.label, quality.findings(), time_zone=time_zone, read=read, as_of=now)
    # Leave out the calls of the margin, and others that Twilio's time filter let through.
    inside = data.select(since=first.isoformat(), until=last.isoformat())
    return replace(inside, findings=data.findings)


def _check_day(account: Account, first: date | None, today: date) -> None:
    """Raise InputError if the first day is in the future."""
    if first and first > today:
        clock = " by the rehearsal's clock" if account.is_rehearsal else ""
        raise InputError(
            Fault("parameter since", f"{first} has not come yet: it is {today}{clock}", f"write {today} or earlier")
        )


@contextmanager
def progress_bar(*, attended: bool) -> Iterator[Progress]:
    """Show the progress of a sync in JupyterLab; yields the function to call after each span of days."""
    if not attended:
        yield lambda span, attempts, days: None
        return
    from tqdm.notebook import tqdm

    with tqdm(desc="calls", unit=" days", leave=False) as bar:

        def show(span: Span, attempts: int, days: int) -> None:
            bar.total = days
            bar.set_postfix_str(f"{span.last}: {attempts:,} attempts")
            bar.update(span.days)

        yield show
