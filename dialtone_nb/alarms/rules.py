"""parameters/watch.yaml: what is watched, when it is certain, how often it speaks, whom it tells, what to run then."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol

from pydantic import AfterValidator, Field

from dialtone_nb.errors import Fault, ParametersError
from dialtone_nb.parameters import Parameters
from dialtone_nb.parameters.yaml_files import Closed, YamlFile, spelled, suggest
from dialtone_nb.values.loopback import LOOPBACK

FILE: Final = "watch.yaml"
# The channel that needs no entry: the command's exit code.
EXIT_CODE: Final = "exit-code"
# What Slack, Mattermost, Rocket.Chat and Google Chat take.
SLACK: Final = '{"text": "{text}"}'
# What a webhook's template and a runbook's parameters may name.
PLACEHOLDERS: Final = ("id", "rule", "stage", "title", "text", "command")
SUBJECTS: Final = ("environment", "phone", "check", "reason", "country")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
# How verify names its checks, as far as a rule may wait for one of them.
CHECKS: Final = (
    *(
        "credentials",
        "service *",
        "environment *",
        "live build of *",
        "rest of the plan for *",
        "trunk's password of *",
    ),
    *("server of *", "table of *", "answers of *", "signature of *", "domain *", "other users of *"),
    *("voice URL of *", "registration of *", "emergency calling of *", "encryption of *", "other settings of *"),
    *("credential list *", "credentials without a phone", "credential of *", "set-up of *", "caller ID of *"),
    *("emergency address of *", "SIP domain of *", "drill of *", "registration of *", "last sign of life of *"),
    *(
        "usage of *",
        "calls under names of no phone here",
        "countries that the dial plan allows",
        "countries that it does not allow",
        "high-risk numbers",
    ),
    *("calls mapping of *", "registrations mapping of *", "alert *", "alerts"),
    *("API key", "runtime *", "customer profile", "webhook rules"),
)


def _template(text: str) -> str:
    strangers = [name for name in _PLACEHOLDER.findall(text) if name not in PLACEHOLDERS]
    if strangers:
        raise ValueError(f"names {{{strangers[0]}}}, which there is not; {suggest(strangers[0], PLACEHOLDERS)}")
    try:
        json.loads(fill_in(text, dict.fromkeys(PLACEHOLDERS, "x"), as_json=True))
    except ValueError:
        raise ValueError(f"is not JSON once it is filled in; write such as {SLACK}") from None
    return text


def fill_in(template: str, values: Mapping[str, str], *, as_json: bool = False) -> str:
    """The template with its {names} filled in; in JSON each stands within a text, and is escaped for it."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            return found[0]
        return json.dumps(values[found[1]])[1:-1] if as_json else values[found[1]]

    return _PLACEHOLDER.sub(value, template)


Name = Annotated[str, spelled("[a-z0-9][a-z0-9-]{0,39}", "small letters, digits and -, 40 at most")]
Variable = Annotated[str, spelled("[A-Z][A-Z0-9_]{0,63}", "the name of an environment variable, such as CHAT_URL")]
Duration = Annotated[str, spelled("[1-9][0-9]{0,3}[hd]", "hours or days, such as 6h or 7d")]
Host = Annotated[str, spelled("[A-Za-z0-9][A-Za-z0-9.-]{0,252}", "a host's name alone, such as smtp.example.org")]
Address = Annotated[str, spelled(r"[^@\s,;:<>]+@[^@\s,;:<>]+", "an address such as somebody@example.org")]
Template = Annotated[str, AfterValidator(_template)]
Phone = Annotated[str, spelled("[^ ]+", "a phone's name")]


def duration_of(text: str) -> timedelta:
    """The time that a duration such as 6h or 7d stands for."""
    return timedelta(**{"hours" if text[-1] == "h" else "days": int(text[:-1])})


class Mail(Closed):
    """A channel: a mail server that takes messages by SMTP. Its password is a variable of the environment."""

    host: Host
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Address
    to: tuple[Address, ...] = Field(min_length=1, strict=False)
    user: str = ""
    password_from: Variable = "DIALTONE_MAIL_PASSWORD"  # noqa: S105 - a variable's name


class Webhook(Closed):
    """A channel: a URL that takes a POST of JSON. The URL is a secret, and a variable of the environment."""

    url_from: Variable = "DIALTONE_WEBHOOK_URL"
    template: Template = SLACK


class Rule(Closed):
    """One rule: what it watches, and what only some kinds have."""

    watches: Literal["silence", "loss", "reason", "burst", "country", "spend", "emergency", "check", "end"]
    # With nothing changed, the rule raises one false alarm in this many days at most, over all its phones and windows.
    false_alarm_days: int = Field(default=365, ge=7, le=36500)
    windows: tuple[Duration, ...] = Field(default=("1d", "7d"), min_length=1, strict=False)
    times_as_many: float = Field(default=2, ge=1, le=100, strict=False)
    phones: tuple[Phone, ...] = Field(default=(), strict=False)
    budget: float = Field(default=0, gt=0, le=1_000_000, strict=False)
    currency: Annotated[str, spelled("[A-Z]{3}", "three letters, such as USD")] = "USD"
    checks: tuple[str, ...] = Field(default=(), min_length=1, strict=False)
    states: tuple[Literal["wrong", "unknown"], ...] = Field(default=("wrong",), min_length=1, strict=False)
    dates: dict[str, Annotated[date, Field(strict=False)]] = Field(default={})
    before: Duration = "30d"
    again: Duration = "1d"
    tell: tuple[Name, ...] = Field(default=(EXIT_CODE,), min_length=1, strict=False)
    runbook: str = ""
    parameters: dict[str, str] = Field(default={})


_EVERY: Final = frozenset({"watches", "again", "tell", "runbook", "parameters"})
_OF_KIND: Final[Mapping[str, frozenset[str]]] = {
    "silence": frozenset({"false_alarm_days", "phones"}),
    "loss": frozenset({"false_alarm_days", "phones", "windows", "times_as_many"}),
    "reason": frozenset({"false_alarm_days", "windows", "times_as_many"}),
    "burst": frozenset({"false_alarm_days", "phones", "windows"}),
    "country": frozenset({"false_alarm_days", "windows"}),
    "spend": frozenset({"budget", "currency"}),
    "emergency": frozenset({"phones"}),
    "check": frozenset({"checks", "states"}),
    "end": frozenset({"dates", "before"}),
}
_NEEDED: Final[Mapping[str, str]] = {"spend": "budget", "check": "checks"}
# The longest window that leaves enough days before it to compare with.
LONGEST_WINDOW: Final = timedelta(days=14)


class Rules(Closed):
    """The whole file: rules and channels, each by its name."""

    rules: dict[Name, Rule] = Field(min_length=1)
    mail: dict[Name, Mail] = Field(default={})
    webhooks: dict[Name, Webhook] = Field(default={})

    @property
    def channels(self) -> Mapping[str, Mail | Webhook]:
        """The channels by name, without the exit code."""
        return {**self.mail, **self.webhooks}


def load_rules(folder: Path, defaults: Path, declared: Parameters, runbooks: Mapping[str, Collection[str]]) -> Rules:
    """The rules of a parameters folder, or the default ones; a `ParametersError` with every fault.

    `runbooks` has the parameters of each runbook that an alarm may name.
    """
    path = folder / FILE if (folder / FILE).is_file() else defaults / FILE
    file = YamlFile(path)
    try:
        rules: Rules = file.parse(Rules)
    except ParametersError as error:
        raise ParametersError(map(_without_secret, error.faults)) from None
    faults = [fault for name in rules.rules for fault in _faults(file, rules, name, declared, runbooks)]
    faults += _channel_faults(file, rules)
    if faults:
        raise ParametersError(faults)
    return rules


def _without_secret(fault: Fault) -> Fault:
    """The fault without what stands where the name of a secret should: it may be the secret."""
    if not fault.place.endswith(("_from", ".user")):
        return fault
    return replace(fault, problem=fault.problem.partition(", not ")[0])


def _faults(
    file: YamlFile, rules: Rules, name: str, declared: Parameters, runbooks: Mapping[str, Collection[str]]
) -> Iterator[Fault]:
    """What is wrong with one rule: what does not belong to its kind, and what keeps it from ever speaking."""
    rule = rules.rules[name]

    def fault(field: str, problem: str, repair: str) -> Fault:
        return Fault(file.place("rules", name, field), problem, repair)

    allowed = _OF_KIND[rule.watches]
    for field in sorted(rule.model_fields_set - _EVERY - allowed):
        yield fault(field, f"has no meaning for a rule that watches {rule.watches}", "take the line out")
    needed = _NEEDED.get(rule.watches, "")
    if needed and needed not in rule.model_fields_set:
        yield fault(needed, "is missing, and without it the rule can never speak", f"add {needed}:")
    if "windows" in allowed:
        for window in rule.windows:
            if duration_of(window) > LONGEST_WINDOW:
                problem = f"{window} leaves too few days before it to compare with: the rule could never speak"
                yield fault("windows", problem, "write at most 14d")
    for phone in rule.phones:
        if phone not in declared.clients:
            yield fault("phones", f"{phone!r} is not a phone", suggest(phone, list(declared.clients)))
    # A rule for whichever phones there are waits for the first with an address; one that names its phones is wrong.
    if rule.watches == "emergency" and rule.phones and not _calling_emergency(rule, declared):
        yield fault(
            "phones", "none of these phones makes emergency calls: the rule can never speak", "take the rule out"
        )
    for check in rule.checks:
        if problem := _check_problem(check, declared):
            yield fault("checks", problem, "name it as verify does, such as live build of *, or alert 11200")
    for channel in rule.tell:
        known = [EXIT_CODE, *rules.channels]
        if channel not in known:
            yield fault("tell", f"{channel!r} is not a channel", suggest(channel, known))
    yield from _runbook_faults(fault, rule, runbooks)


def _calling_emergency(rule: Rule, declared: Parameters) -> bool:
    names = rule.phones or declared.clients
    return any(declared.clients[name].calls_emergency for name in names if name in declared.clients)


def _check_problem(check: str, declared: Parameters) -> str:
    """Why no check of verify can ever have this name; empty if one can."""
    if not any(fnmatchcase(known, check) or fnmatchcase(check, known) for known in CHECKS):
        return f"verify has no check {check!r}: the rule can never speak"
    kind, of, name = check.partition(" of ")
    if of and kind in ("drill", "registration", "last sign of life", "usage", "credential") and "*" not in name:
        return "" if name in declared.clients else f"{name!r} is not a phone: the rule can never speak"
    return ""


def _runbook_faults(fault: _MakeFault, rule: Rule, runbooks: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    if rule.runbook and rule.runbook not in runbooks:
        yield fault("runbook", f"there is no runbook {rule.runbook!r}", suggest(rule.runbook, list(runbooks)))
        return
    if rule.parameters and not rule.runbook:
        yield fault("parameters", "belong to no runbook", "add runbook:, or take them out")
    for name, value in rule.parameters.items():
        if rule.runbook and name not in runbooks[rule.runbook]:
            repair = suggest(name, list(runbooks[rule.runbook]))
            yield fault("parameters", f"{rule.runbook} has no parameter {name!r}", repair)
        for stranger in [one for one in _PLACEHOLDER.findall(value) if one not in SUBJECTS]:
            yield fault("parameters", f"{{{stranger}}} is not a field of an alarm", suggest(stranger, SUBJECTS))


def _channel_faults(file: YamlFile, rules: Rules) -> Iterator[Fault]:
    for name in sorted({*rules.mail, *rules.webhooks} & {EXIT_CODE} | rules.mail.keys() & rules.webhooks.keys()):
        section = "mail" if name in rules.mail else "webhooks"
        yield Fault(file.place(section, name), "is another channel's name too", "give it a name of its own")
    for name, mail in rules.mail.items():
        if mail.security == "none" and mail.host not in LOOPBACK:
            repair = "write starttls or tls; none is for a mail server on this very machine"
            yield Fault(file.place("mail", name, "security"), "would send messages that anybody can read", repair)


class _MakeFault(Protocol):
    def __call__(self, field: str, problem: str, repair: str) -> Fault: ...
