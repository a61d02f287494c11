"""Watch: what the rules of watch.yaml find in calls, checks and dates, and telling it to whom they name."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from dialtone_nb.account.account import read_environment
from dialtone_nb.alarms.book import Book, Look, Message, Send, held, load_book, look_up, save_book, tell
from dialtone_nb.alarms.channels import open_channels
from dialtone_nb.alarms.judge import ON_CALLS, CallLog, Finding, judge_calls, judge_emergencies, judge_ends
from dialtone_nb.alarms.rules import SUBJECTS, Rule, Rules, fill_in, load_rules
from dialtone_nb.calls.attempts.schema import attempts_of
from dialtone_nb.calls.emergency_calls import tell_emergency_calls
from dialtone_nb.calls.load import DEFAULT_DAYS, TWILIO, find_archive, load_calls
from dialtone_nb.calls.twilio_source.frame import phones_by_number
from dialtone_nb.calls.twilio_source.server_log import log_source
from dialtone_nb.errors import CredentialsError, ParametersError, TwilioError, UnknownOutcomeError
from dialtone_nb.files.reports_folder import reports_folder
from dialtone_nb.runbooks.steps.opening import Runbook, sample_folder
from dialtone_nb.runbooks.steps.parameters_cell import read_source, runbook_names
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.verify.accepted import Acceptance, load_acceptances
from dialtone_nb.verify.checks import Check, wrong

# With an archive calls are known for longer than Twilio is asked for.
ARCHIVED_DAYS: Final = 90
_UNREACHED: Final = (TwilioError, UnknownOutcomeError, CredentialsError)


@dataclass(frozen=True)
class WatchParameters:
    """What a watch takes of a runbook's parameters."""

    archive: str = ""
    tell: bool = False


def look_for_alarms(runbook: Runbook) -> Look:
    """What goes on by the rules; with `tell` whoever they name is told, and the book of alarms is kept."""
    given = runbook.parameters.read(WatchParameters)
    rules = read_rules(runbook)
    channels = _channels(runbook, rules) if given.tell else {}
    account = runbook.account
    now = account.now()
    found, blind = _find(runbook, rules, now, find_archive(given.archive, runbook.project))
    path = book_path(runbook)

    def look(book: Book) -> Book:
        return look_up(book, rules, found, now, partial(_command, runbook))

    if given.tell:
        with held(path):
            book = tell(look(load_book(path, now)), channels, now, partial(save_book, path))
    else:
        book = look(load_book(path, now))
    return Look(account.label, runbook.environment, rules, book, blind, given.tell)


def read_rules(runbook: Runbook) -> Rules:
    """The rules of the runbook's network, else the default ones; a `ParametersError` with every fault."""
    project = runbook.project
    parameters: dict[str, Sequence[str]] = {}
    for name in runbook_names(project):
        try:
            parameters[name] = read_source(project, name).names
        except ParametersError:
            continue  # a notebook of somebody's own need be no runbook
    return load_rules(runbook.declared.folder, sample_folder(project), runbook.declared, parameters)


def book_path(runbook: Runbook) -> Path:
    """Where the book is kept: one for each environment that is watched alone, one for all."""
    folder = runbook.project / reports_folder(rehearsed=runbook.account.is_rehearsal)
    return folder / f"alarms{f'-{runbook.environment}' if runbook.environment else ''}.json"


def send_test(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """Send a test message over each channel: its name, and what went wrong or ""."""
    rules = read_rules(runbook)
    channels = _channels(runbook, rules)
    now, name = runbook.account.now(), f"test-{secrets.token_hex(6)}"
    for channel, send in channels.items():
        title = "a test: messages of the watch arrive here"
        text = f"{title}\nNothing is wrong. Message {name}"
        yield channel, send(Message(name, channel, "test", "test", title, text, "", now))


def _channels(runbook: Runbook, rules: Rules) -> dict[str, Send]:
    """The channels; what is told of a rehearsal can't be taken for anything real."""
    channels = open_channels(rules, read_environment(runbook.project))
    if runbook.account_kind != "rehearsal":
        return channels

    def marked(send: Send) -> Send:
        return lambda told: send(replace(told, title=f"REHEARSAL: {told.title}", text=f"REHEARSAL: {told.text}"))

    return {name: marked(send) for name, send in channels.items()}


def _find(
    runbook: Runbook, rules: Rules, now: datetime, archive: str
) -> tuple[dict[str, list[Finding] | None], dict[str, str]]:
    """What each rule finds, None where it could not look; and why not."""
    declared = runbook.declared
    found: dict[str, list[Finding] | None] = {}
    blind: dict[str, str] = {}
    zone = ZoneInfo(declared.network.time_zone)
    on_calls = {name: rule for name, rule in rules.rules.items() if rule.watches in {*ON_CALLS, "emergency"}}
    if on_calls:
        try:
            found |= _find_in_calls(runbook, on_calls, now, archive, zone)
        except _UNREACHED as error:
            found |= dict.fromkeys(on_calls)
            blind |= dict.fromkeys(on_calls, error.lines()[0])
    on_checks = {name: rule for name, rule in rules.rules.items() if rule.watches == "check"}
    for environment in _environments(runbook) if on_checks else ():
        checks, why = _checks(runbook, environment, on_checks.values())
        for name, rule in on_checks.items():
            one = list(_find_in_checks(name, rule, checks, environment))
            if why and not one:
                blind[name], found[name] = why, None
            elif found.get(name, []) is not None:
                found[name] = [*(found.get(name) or ()), *one]
    for name, rule in rules.rules.items():
        if rule.watches == "end":
            found[name] = judge_ends(name, rule, declared.network.service.runtime, now.astimezone(zone).date())
    return found, blind


def _environments(runbook: Runbook) -> list[str]:
    return [runbook.environment] if runbook.environment else list(runbook.declared.network.environments)


def _find_in_calls(
    runbook: Runbook, rules: Mapping[str, Rule], now: datetime, archive: str, zone: ZoneInfo
) -> dict[str, list[Finding]]:
    declared, account = runbook.declared, runbook.account
    # The whole of a month that is 31 days long.
    days = ARCHIVED_DAYS if archive else DEFAULT_DAYS + 1
    data = load_calls(
        TWILIO,
        account,
        environment=runbook.environment,
        since=str((now.astimezone(zone) - timedelta(days=days - 1)).date()),
        time_zone=declared.network.time_zone,
        service=log_source(declared.network, account, runbook.project),
        phones=phones_by_number(declared),
        archive=archive,
        show_numbers=True,  # their countries are looked at; no number leaves this function
    )
    watched = {name: one.environment for name, one in declared.clients.items()}
    if runbook.environment:
        watched = {name: at for name, at in watched.items() if at == runbook.environment}
    frame = data.frame
    found = judge_calls(rules, CallLog.of(frame, watched), now, timedelta(days=days), zone)
    calls = tell_emergency_calls(attempts_of(frame), declared.clients)
    emergencies = {name: rule for name, rule in rules.items() if rule.watches == "emergency"}
    return found | {name: judge_emergencies(name, rule, calls, watched) for name, rule in emergencies.items()}


def _checks(runbook: Runbook, environment: str, rules: Collection[Rule]) -> tuple[Sequence[Check], str]:
    """The checks of an environment, and why there are none where Twilio can't be asked.

    What a rule speaks of has to be so twice running: one request that was lost is no alarm.
    """
    acceptances = load_acceptances(runbook.declared.folder)
    try:
        checks = _verify(runbook, environment, acceptances)
        bad = {one.name for one in checks if any(_is_about(rule, one) for rule in rules)}
        if bad:
            again = {one.name: one for one in _verify(runbook, environment, acceptances)}
            checks = [again[one.name] if one.name in bad and one.name in again else one for one in checks]
    except _UNREACHED as error:
        why = error.lines()[0]
        meaning, repair = "nothing can be looked at", "look at Twilio's status page, and at this machine's network"
        return [wrong("Account", "credentials", why, meaning, repair)], why
    return checks, ""


def _verify(runbook: Runbook, environment: str, acceptances: Mapping[str, Acceptance]) -> list[Check]:
    return list(verify_site(open_site(runbook, environment), acceptances).checks)


def _is_about(rule: Rule, check: Check) -> bool:
    return check.state in rule.states and any(fnmatchcase(check.name, wanted) for wanted in rule.checks)


def _find_in_checks(name: str, rule: Rule, checks: Iterable[Check], environment: str) -> Iterator[Finding]:
    for check in checks:
        if _is_about(rule, check):
            phone = check.subject.removeprefix("Phone ") if check.subject.startswith("Phone ") else ""
            values = {"environment": environment, "check": check.name, "phone": phone}
            title = f"{environment}: {check.name}: {check.found}"
            subject = f"{environment}: {check.name}"
            yield Finding(name, subject, title, check.meaning, values, repair=check.repair)


def _command(runbook: Runbook, rule: Rule, finding: Finding) -> str:
    """The command of the rule's runbook with its parameters filled in, without those of which nothing is known."""
    if not rule.runbook:
        return ""
    words = ["python", "-m", "dialtone_nb", "run", rule.runbook]
    if runbook.account_kind != "rehearsal":
        words += ["-r", "account", runbook.account_kind]
    values = {**dict.fromkeys(SUBJECTS, ""), "environment": runbook.environment, **finding.values}
    for name, value in rule.parameters.items():
        if filled := fill_in(value, values):
            words += ["-r", name, filled]
    return shlex.join(words)
