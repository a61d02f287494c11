"""The book of alarms: new, repeated and ended alarms, interrupted runs, and channels that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest

from dialtone_nb.alarms.book import Book, Findings, Look, Message, held, load_book, look_up, save_book, tell
from dialtone_nb.alarms.judge import Finding
from dialtone_nb.alarms.rules import Rule, Rules
from dialtone_nb.errors import HeldError, InputError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Rules(
    rules={
        "silent": Rule(watches="silence", again="1d", tell=("mail", "exit-code"), runbook="explore"),
        "live": Rule(watches="check", checks=("live build of *",), tell=("mail", "chat")),
        "help": Rule(watches="emergency", tell=("mail",)),
    }
)
LOBBY = Finding("silent", "lobby", "lobby has been silent for 3 days", "sure", {"phone": "lobby"})
LIVE = Finding("live", "prod", "prod: live build of prod: differs", "bad", repair="deploy prod")


def look(book: Book, at: datetime, **found: list[Finding] | None) -> Book:
    """The book after a check at that time; rules that are not given found nothing."""
    findings: Findings = {name: found.get(name, []) for name in RULES.rules}
    return look_up(book, RULES, findings, at, lambda rule, finding: f"run {rule.runbook}" if rule.runbook else "")


def titles(book: Book) -> list[tuple[str, str, str]]:
    """The titles of the messages to be sent."""
    return [(one.channel, one.stage, one.title) for one in book.waiting]


@pytest.fixture
def book() -> Book:
    """A new, empty book."""
    return Book(NOW - 24 * HOUR, NOW)


def test_an_alarm_is_told_when_it_is_new_again_and_when_it_is_over(book: Book) -> None:
    """One message per channel of its rule, without the exit code, and with consecutive numbers."""
    book = look(book, NOW, live=[LIVE])
    assert titles(book) == [(to, "new", LIVE.title) for to in ("mail", "chat")]
    assert look(book, NOW + 5 * HOUR, live=[LIVE]).waiting == book.waiting
    book = look(replace(book, waiting=()), NOW + 24 * HOUR, live=[LIVE])
    assert titles(book) == [(to, "still", f"still: {LIVE.title}") for to in ("mail", "chat")]
    book = look(replace(book, waiting=()), NOW + 25 * HOUR)
    assert titles(book) == [(to, "over", f"over: {LIVE.title}") for to in ("mail", "chat")]
    assert [one.id.rpartition("-")[2] for one in book.waiting] == ["3", "3"]
    assert book.going_on == []


def test_a_count_that_swings_about_its_bound_is_one_alarm(book: Book) -> None:
    """It ends after six hours without a finding."""
    book = look(book, NOW, silent=[LOBBY])
    for hour in range(1, 12):
        book = look(book, NOW + hour * HOUR, silent=[LOBBY] if hour % 4 == 0 else [])
    assert len(book.going_on) == 1
    book = look(book, NOW + 20 * HOUR)
    assert [one.stage for one in book.waiting] == ["new", "over"]


def test_a_rule_that_could_not_look_leaves_its_alarms_as_they_are(book: Book) -> None:
    """A rule that could not be checked, as Twilio may be unreachable, neither raises nor ends an alarm."""
    book = look(book, NOW, live=[LIVE])
    assert look(book, NOW + HOUR, live=None).going_on == book.going_on


def test_an_event_is_told_once(book: Book) -> None:
    """It is reported once however often it is found, and not if it is older than the watch."""
    call = Finding("help", "lobby 12:00", "lobby called 911", "", event_at=NOW - HOUR)
    old = Finding("help", "lobby 1", "lobby called 911", "", event_at=NOW - 90 * HOUR)
    book = look(book, NOW, help=[call, old])
    assert titles(book) == [("mail", "new", "lobby called 911")]
    assert titles(look(replace(book, waiting=()), NOW + HOUR, help=[call, old])) == []


def test_the_message_says_what_how_certain_what_to_do_and_which_it_is(book: Book) -> None:
    """The message's text, as it is sent."""
    (message,) = look(book, NOW, silent=[LOBBY]).waiting
    assert message.text.splitlines() == [
        "lobby has been silent for 3 days",
        "sure",
        "What to do: run explore",
        f"Rule silent, since 2026-06-01 12:00 UTC, message {message.id}",
    ]


class Killed(BaseException):
    """Raised in place of the end of the process."""


def test_a_kill_at_any_moment_loses_nothing_and_repeats_one_message_at_most(tmp_path: Path) -> None:
    """The run is killed before and after each step and then repeated, as cron would, and all messages are counted."""
    for point in range(18):
        path = tmp_path / f"{point}.json"
        arrived: Counter[tuple[str, str]] = Counter()
        with pytest.raises(Killed):
            run(path, arrived, iter(range(point)))
            run(path, arrived, iter(range(point)))
            raise Killed  # whoever came this far was killed after its work
        run(path, arrived, repeat(0))
        assert len(arrived) == 3, point
        assert sum(arrived.values()) <= 4, point
        assert load_book(path, NOW).waiting == ()


def run(path: Path, arrived: Counter[tuple[str, str]], lives: Iterator[int]) -> None:
    """A run that is killed when its lives are used up; each step takes one before it and one after it."""

    def live() -> None:
        if next(lives, None) is None:
            raise Killed

    def send(message: Message) -> str:
        live()
        arrived[message.channel, message.id] += 1
        live()
        return ""

    def save(book: Book) -> None:
        live()
        save_book(path, book)
        live()

    tell(look(load_book(path, NOW), NOW, live=[LIVE], silent=[LOBBY]), {"mail": send, "chat": send}, NOW, save)


def test_what_a_channel_refuses_is_kept_and_tried_again(tmp_path: Path, book: Book) -> None:
    """A failed message is kept with its error and number of tries; until it is sent the alarm adds only its end."""
    path = tmp_path / "alarms.json"
    save = lambda changed: save_book(path, changed)  # noqa: E731
    book = tell(look(book, NOW, silent=[LOBBY]), {"mail": lambda _: "it refuses"}, NOW, save)
    book = tell(
        look(load_book(path, NOW), NOW + 25 * HOUR, silent=[LOBBY]), {"mail": lambda _: "it refuses"}, NOW, save
    )
    (waiting,) = load_book(path, NOW).waiting
    assert (waiting.tries, waiting.error, waiting.stage) == (2, "it refuses", "new")
    shown = Look("the rehearsal", "", RULES, book, {}, is_told=True)
    assert "1 not delivered: it refuses" in shown.summary
    book = tell(look(book, NOW + 40 * HOUR), {"mail": lambda _: ""}, NOW, save)
    book = tell(look(book, NOW + 50 * HOUR), {"mail": lambda _: ""}, NOW, save)
    assert [one.stage for one in load_book(path, NOW).sent] == ["new", "over"]


def test_the_exit_code_tells_of_alarms_of_its_rules_then_of_failures(book: Book) -> None:
    """2 for an alarm whose rule tells the exit code, else 4 for a waiting message, 1 for a rule that could not look."""
    seen = look(book, NOW, live=[LIVE])
    code = lambda book, blind: Look("", "", RULES, book, blind, is_told=True).exit_code  # noqa: E731
    assert code(look(seen, NOW, silent=[LOBBY]), {}) == 2
    assert code(tell(seen, {"mail": lambda _: "no", "chat": lambda _: "no"}, NOW, lambda _: None), {}) == 4
    assert code(seen, {"live": "Twilio is away"}) == 1
    assert code(seen, {}) == 0


def test_a_damaged_book_is_refused_in_one_line(tmp_path: Path) -> None:
    """The file is left as it is."""
    path = tmp_path / "alarms.json"
    for text in (
        "",
        "[]",
        '{"alarms": []}',
        '{"since": 1, "looked_at": 2, "alarms": [{}], "waiting": [], "sent": [], "news": []}',
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="holds no book of alarms"):
            load_book(path, NOW)
        assert path.read_text("utf-8") == text


def test_two_runs_do_not_tell_at_once(tmp_path: Path) -> None:
    """The second run waits, and then ends with one line."""
    with (
        held(tmp_path / "alarms.json"),
        pytest.raises(HeldError, match="another run"),
        held(tmp_path / "alarms.json", 0.01),
    ):
        pass
