"""The book of alarms: what is wrong, what was sent, and what is still to be sent; a kill costs one repeat at most.

A look changes the book in two steps. First all that there is to tell is written into it, whole; then each message is
sent, and the book is written again without it. Whoever is killed in between leaves a message that may have arrived: the
next run sends it once more, with the same id. What was not delivered stays, and is tried again with each run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from dialtone_nb.alarms.judge import Finding
from dialtone_nb.alarms.rules import EXIT_CODE, Rule, Rules, duration_of
from dialtone_nb.errors import Fault, HeldError, InputError
from dialtone_nb.files.atomic_file import write_whole

# A count varies around its bound: an alarm on calls is over once its rule was quiet for this long, and shares of calls
# swing for longer than a phone that is back. What verify finds is over at once.
CALM: Final = {
    "silence": timedelta(hours=6),
    "burst": timedelta(hours=6),
    **dict.fromkeys(("loss", "reason", "country"), timedelta(days=1)),
}
# Longer than the rules look back, so that no event is sent twice.
REMEMBERED: Final = timedelta(days=100)
SENT_KEPT: Final = 100
NEW, AGAIN, OVER = "new", "still", "over"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm from its beginning to its end."""

    id: str
    rule: str
    subject: str
    title: str
    evidence: str
    command: str
    since: datetime
    told_at: datetime
    told: int = 1
    calm_since: datetime | None = None
    over_at: datetime | None = None
    is_event: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be told over one channel; its id is that of the alarm and a running number."""

    id: str
    channel: str
    rule: str
    stage: str
    title: str
    text: str
    command: str
    made_at: datetime
    tries: int = 0
    error: str = ""
    sent_at: datetime | None = None

    @property
    def tried(self) -> str:
        """How often it was tried, in words."""
        return "tried once" if self.tries == 1 else f"tried {self.tries} times"


@dataclass(frozen=True, slots=True)
class Book:
    """All alarms that are remembered, messages that wait, and the last ones that were delivered."""

    since: datetime
    looked_at: datetime
    alarms: tuple[Alarm, ...] = ()
    waiting: tuple[Message, ...] = ()
    sent: tuple[Message, ...] = ()
    # The events that the last look brought, by the ids of their alarms.
    news: tuple[str, ...] = ()

    @property
    def loud(self) -> list[Alarm]:
        """What a look has to show: its new events, and the alarms that last."""
        return [*(one for one in self.alarms if one.id in self.news), *self.going_on]

    @property
    def going_on(self) -> list[Alarm]:
        """The alarms that are not over, the oldest first."""
        return [one for one in self.alarms if one.over_at is None and not one.is_event]

    def signals(self, rules: Rules) -> list[Alarm]:
        """The alarms and events of this look whose rules set the exit code."""
        heard = {name for name, rule in rules.rules.items() if EXIT_CODE in rule.tell}
        return [one for one in self.loud if one.rule in heard]


@dataclass(frozen=True)
class Look:
    """What a look has made of the book; `blind` has why a rule could not look, `is_told` whether anything was sent."""

    account: str
    environment: str
    rules: Rules
    book: Book
    blind: Mapping[str, str]
    is_told: bool

    @property
    def failed(self) -> list[Message]:
        """The messages that a channel did not take."""
        return [one for one in self.book.waiting if one.error]

    @property
    def exit_code(self) -> int:
        """2 where an alarm tells the exit code, 4 where a message waits for its channel, 1 where a rule was blind."""
        if self.book.signals(self.rules):
            return 2
        return 4 if self.failed else 1 if self.blind else 0

    @property
    def summary(self) -> str:
        """One line: what goes on, what could not be told, and what could not be looked at."""
        titles = [one.title for one in self.book.loud]
        said = f"{len(titles)} alarm{'s' if len(titles) > 1 else ''}: {'; '.join(titles[:3])}" if titles else "no alarm"
        said += f" and {len(titles) - 3} more" if len(titles) > 3 else ""
        if self.failed:
            said += f"; {len(self.failed)} not delivered: {self.failed[0].error}"
        if self.blind:
            name, why = next(iter(self.blind.items()))
            said += f"; {len(self.blind)} of {len(self.rules.rules)} rules can't look, {name}: {why}"
        return f"Watch {self.environment or 'all environments'}: {said}"


Findings = Mapping[str, Sequence[Finding] | None]


def look_up(
    book: Book, rules: Rules, findings: Findings, now: datetime, command: Callable[[Rule, Finding], str]
) -> Book:
    """The book after a look: `findings` by rule, None where a rule could not look; nothing is sent."""
    alarms = {(one.rule, one.subject): one for one in book.alarms if one.over_at is None and not one.is_event}
    past = [one for one in book.alarms if one.over_at is not None or one.is_event]
    known = {one.id for one in past}
    waiting, news = list(book.waiting), list[str]()
    for name, rule in rules.rules.items():
        found = findings.get(name)
        if found is None:
            continue
        for one in found:
            key = (name, one.subject)
            if one.event_at:
                event = _begin(one, rule, now, command)
                if event.id not in known and one.event_at >= book.since:
                    past.append(event)
                    news.append(event.id)
                    waiting += _messages(rule, event, NEW, now)
            elif (alarm := alarms.get(key)) is None:
                alarms[key] = alarm = _begin(one, rule, now, command)
                waiting += _messages(rule, alarm, NEW, now)
            else:
                told = replace(alarm, title=one.title, evidence=one.words, calm_since=None)
                if now - alarm.told_at >= duration_of(rule.again):
                    told = replace(told, told=alarm.told + 1, told_at=now)
                    busy = {message.channel for message in waiting if message.id.startswith(alarm.id)}
                    waiting += [new for new in _messages(rule, told, AGAIN, now) if new.channel not in busy]
                alarms[key] = told
        loud = {one.subject for one in found}
        for key in [key for key in alarms if key[0] == name and key[1] not in loud]:
            alarm = alarms[key]
            calm_since = alarm.calm_since or now
            if now - calm_since >= CALM.get(rule.watches, timedelta(0)):
                past.append(ended := replace(alarms.pop(key), told=alarm.told + 1, over_at=now))
                waiting += _messages(rule, ended, OVER, now)
            else:
                alarms[key] = replace(alarm, calm_since=calm_since)
    # A rule that was removed from the file ends its alarms.
    past += [replace(one, over_at=now) for one in alarms.values() if one.rule not in rules.rules]
    going_on = [one for one in alarms.values() if one.rule in rules.rules]
    kept = [one for one in past if now - (one.over_at or one.told_at) < REMEMBERED]
    ordered = sorted((*kept, *going_on), key=lambda one: (one.since, one.id))
    return replace(book, looked_at=now, alarms=tuple(ordered), waiting=tuple(waiting), news=tuple(news))


def _begin(one: Finding, rule: Rule, now: datetime, command: Callable[[Rule, Finding], str]) -> Alarm:
    since = one.event_at or now
    digest = hashlib.sha256(f"{one.rule}|{one.subject}|{since.isoformat()}".encode()).hexdigest()
    is_event = one.event_at is not None
    return Alarm(
        f"alarm-{digest[:12]}",
        one.rule,
        one.subject,
        one.title,
        one.words,
        command(rule, one),
        since,
        now,
        1,
        None,
        None,
        is_event,
    )


def _messages(rule: Rule, alarm: Alarm, stage: str, now: datetime) -> list[Message]:
    number = f"{alarm.id}-{alarm.told}"
    lead = {NEW: "", AGAIN: "still: ", OVER: "over: "}[stage]
    title = f"{lead}{alarm.title}"
    what = f"What to do: {alarm.command}" if alarm.command and stage != OVER else ""
    ended = f", over at {now:%Y-%m-%d %H:%M} UTC" if stage == OVER else ""
    about = f"Rule {alarm.rule}, since {alarm.since:%Y-%m-%d %H:%M} UTC{ended}, message {number}"
    text = "\n".join(filter(None, (title, alarm.evidence, what, about)))
    return [
        Message(number, channel, alarm.rule, stage, title, text, alarm.command, now)
        for channel in rule.tell
        if channel != EXIT_CODE
    ]


# Sends a message and returns what went wrong, or "" if it was accepted.
Send = Callable[[Message], str]


def tell(book: Book, channels: Mapping[str, Send], now: datetime, save: Callable[[Book], None]) -> Book:
    """The book after every waiting message was tried; it is saved before the first one, and after each."""
    save(book)
    for message in book.waiting:
        send = channels.get(message.channel)
        error = send(message) if send else "there is no such channel any more"
        if error and send:
            failed = replace(message, tries=message.tries + 1, error=error)
            waiting = tuple(failed if one is message else one for one in book.waiting)
            book = replace(book, waiting=waiting)
        else:
            done = replace(message, error=error, sent_at=now)
            book = replace(
                book,
                waiting=tuple(one for one in book.waiting if one is not message),
                sent=(*book.sent, done)[-SENT_KEPT:],
            )
        save(book)
    return book


def load_book(path: Path, now: datetime) -> Book:
    """The book as it was saved; a new one where there is none, an `InputError` where it is damaged."""
    if not path.exists():
        # What happened on the day before the first look is still news.
        return Book(now - timedelta(days=1), now)
    try:
        read = json.loads(path.read_text(encoding="utf-8"), object_hook=_moments)
        alarms, waiting, sent, news = (tuple(read.pop(name)) for name in ("alarms", "waiting", "sent", "news"))
        return Book(
            **read,
            alarms=tuple(Alarm(**one) for one in alarms),
            waiting=tuple(Message(**one) for one in waiting),
            sent=tuple(Message(**one) for one in sent),
            news=news,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        repair = "move it away: what goes on is then told anew"
        raise InputError(Fault(f"{path.parent.name}/{path.name}", "holds no book of alarms", repair)) from None


def save_book(path: Path, book: Book) -> None:
    """Replace the file by the book in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(book), indent=1, ensure_ascii=False, default=_stamp)
    write_whole(path, content + "\n")


_TIMES: Final = ("since", "looked_at", "told_at", "calm_since", "over_at", "made_at", "sent_at")


def _moments(read: dict[str, Any]) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(read[name]).astimezone(UTC) for name in _TIMES if read.get(name)}
    return read | times


def _stamp(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


@contextmanager
def held(path: Path, wait_s: float = 30) -> Iterator[None]:
    """Hold the book: no other run tells anything meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        with lock.acquire(timeout=wait_s):
            yield
    except Timeout:
        raise HeldError(
            "another run is telling alarms at the moment; the next one will do", holder="", until=""
        ) from None
