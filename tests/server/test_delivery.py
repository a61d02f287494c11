"""Delivery of events: all, in order, across restarts, without delaying a call."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialtone_nb.server.day_files import append_lines
from dialtone_nb.server.delivery import Courier, Sink, SnsSink, WebhookSink
from dialtone_nb.server.metrics import Metrics
from tests.server.receivers import Receiver, receiver
from tests.server.running_server import (
    ENDED,
    LOBBY_CALLS,
    server_in_thread,
    settings_for,
    wait_until,
)

DAY, NEXT_DAY = "2026-11-24.jsonl", "2026-11-25.jsonl"
TOPIC = "arn:aws:sns:us-west-2:123456789012:calls"


def add(folder: Path, *names: str, day: str = DAY) -> None:
    """Put events on the disk, as the server does."""
    append_lines(folder / day, [json.dumps({"event": name}).encode() for name in names])


@contextmanager
def courier(folder: Path, sink: Sink, most: int = 2**20) -> Iterator[Metrics]:
    """A running courier, started with the block, and its counts."""
    metrics = Metrics()
    working = Courier(folder, sink, metrics, most)
    wait_until((folder / f".{sink.name}.json").exists)
    try:
        yield metrics
    finally:
        working.close()


def counted(metrics: Metrics, result: str, sink: str = "webhook") -> float:
    """The number of events with this result."""
    value: float = metrics.deliveries.labels(sink, result)._value.get()
    return value


def test_events_are_handed_on_from_when_it_was_asked_for(tmp_path: Path) -> None:
    """Earlier events are left out; later ones are sent in order, in few requests."""
    add(tmp_path, "before")
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)) as metrics:
        names = [str(number) for number in range(250)]
        add(tmp_path, *names)
        wait_until(lambda: received.names == names)
        assert len(received.requests) == 3
        wait_until(lambda: counted(metrics, "delivered") == 250)


def test_the_next_server_goes_on_where_this_one_ended(tmp_path: Path) -> None:
    """Events in between are delivered, each once."""
    with receiver() as received:
        with courier(tmp_path, WebhookSink(received.url)):
            add(tmp_path, "one")
            wait_until(lambda: received.names == ["one"])
            wait_until(lambda: json.loads((tmp_path / ".webhook.json").read_text())["offset"] > 0)
        add(tmp_path, "two")
        with courier(tmp_path, WebhookSink(received.url)):
            add(tmp_path, "three")
            wait_until(lambda: received.names == ["one", "two", "three"])


def test_a_day_that_is_over_is_finished_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At midnight a slow worker may still append to the day before; no event is left out."""
    monkeypatch.setattr("dialtone_nb.server.delivery._SETTLED_AFTER_S", 1.5)
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)):
        add(tmp_path, "evening")
        add(tmp_path, "morning", day=NEXT_DAY)
        wait_until(lambda: received.names == ["evening"])
        add(tmp_path, "midnight")
        wait_until(lambda: received.names == ["evening", "midnight", "morning"])


def test_a_receiver_that_fails_gets_them_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Server errors, 429 and redirects: retried in order, logged once, without the URL."""
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)) as metrics:
        received.statuses = [500, 429]
        add(tmp_path, "one")
        wait_until(lambda: received.names == ["one"])
        received.statuses = [307]
        add(tmp_path, "two")
        wait_until(lambda: received.names == ["one", "two"])
        assert counted(metrics, "retried") == 3
    assert caplog.text.count("webhook: events are not taken: HTTP 500") == 1
    assert "k3y" not in caplog.text


def test_a_receiver_that_is_not_there_gets_them_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At first the port is closed."""
    with receiver() as received:
        gone = received.url
    with courier(tmp_path, WebhookSink(gone)):
        add(tmp_path, "one")
        wait_until(lambda: "webhook: events are not taken: ConnectionError" in caplog.text)
    assert "k3y" not in caplog.text
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)):
        wait_until(lambda: received.names == ["one"])


def test_what_is_refused_for_good_does_not_hold_up_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted and logged, and the next events are sent."""
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)) as metrics:
        received.statuses = [422]
        add(tmp_path, "one", "two")
        wait_until(lambda: counted(metrics, "refused") == 2)
        add(tmp_path, "three")
        wait_until(lambda: received.names == ["three"])
    assert "webhook: 2 event(s) are refused for good: HTTP 422" in caplog.text


def test_there_is_an_end_to_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are dropped, even a whole day, and counted."""
    monkeypatch.setattr("dialtone_nb.server.delivery._SETTLED_AFTER_S", 0)
    with receiver() as received:
        with courier(tmp_path, WebhookSink(received.url)):
            pass
        add(tmp_path, *(f"old {number}" for number in range(1500)))
        add(tmp_path, "one", "two", "three", day=NEXT_DAY)
        (tmp_path / ".webhook.json").write_text(json.dumps({"name": DAY, "offset": 0}), encoding="utf-8")
        room = len('{"event": "two"}\n{"event": "three"}\n') + 5
        with courier(tmp_path, WebhookSink(received.url), most=room) as metrics:
            wait_until(lambda: received.names == ["two", "three"], within_s=30)
            assert counted(metrics, "given up") == 1501


def test_only_one_of_several_hands_on(tmp_path: Path) -> None:
    """Two servers on one folder: each event arrives once, also after the first one ends."""
    with receiver() as received:
        first = Courier(tmp_path, WebhookSink(received.url), Metrics())
        wait_until((tmp_path / ".webhook.json").exists)
        with courier(tmp_path, WebhookSink(received.url)):
            add(tmp_path, *map(str, range(50)))
            wait_until(lambda: received.names == [*map(str, range(50))])
            first.close()
            add(tmp_path, "last")
            wait_until(lambda: received.names[-1] == "last")
            assert len(received.events) == 51


def test_a_clock_that_was_a_year_ahead_holds_nothing_up(tmp_path: Path) -> None:
    """Events with the earlier date, and of the next days, are delivered, each once."""
    ahead = "2027-11-24.jsonl"
    with receiver() as received:
        with courier(tmp_path, WebhookSink(received.url)):
            add(tmp_path, "before")
            wait_until(lambda: received.names == ["before"])
        year = time.time() + 365 * 86400
        os.utime(tmp_path / DAY, (0, 0))
        add(tmp_path, "ahead", day=ahead)
        os.utime(tmp_path / ahead, (year, year))
        with courier(tmp_path, WebhookSink(received.url)):
            wait_until(lambda: received.names[1:] == ["ahead"])
            add(tmp_path, "back")
            wait_until(lambda: received.names[2:] == ["back"])
            os.utime(tmp_path / DAY, (0, 0))
            add(tmp_path, "next day", day=NEXT_DAY)
            wait_until(lambda: received.names[3:] == ["next day"])


@pytest.mark.parametrize("is_there_before", [True, False])
def test_a_courier_comes_back_with_its_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_there_before: bool
) -> None:
    """A folder that can't be created, or disappears, is logged once; when it is back all events are delivered."""
    folder = tmp_path / "events"
    if is_there_before:
        add(folder, "long before")
    else:
        folder.write_text("in the way")
    with receiver() as received:
        working = Courier(folder, WebhookSink(received.url), Metrics())
        if is_there_before:
            wait_until((folder / ".webhook.json").exists)
            folder.rename(tmp_path / "aside")
            folder.write_text("in the way")
        wait_until(lambda: "events can't be handed on" in caplog.text)
        threading.Event().wait(1.2)  # another try
        folder.unlink()
        if is_there_before:
            (tmp_path / "aside").rename(folder)
        add(folder, "meanwhile")
        wait_until(lambda: received.names == ["meanwhile"])
        working.close()
    assert caplog.text.count("events can't be handed on") == 1


def test_a_damaged_cursor_is_told_and_leaves_out_nothing_of_this_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The position is lost, and delivery begins with the events since the server's start."""
    (tmp_path / ".webhook.json").write_text("{")
    with receiver() as received, courier(tmp_path, WebhookSink(received.url)):
        add(tmp_path, "one")
        wait_until(lambda: received.names == ["one"])
    assert "is damaged" in caplog.text


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A local stand-in for AWS, as far as boto3 needs it."""
    with receiver(sns=True) as received:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", received.url.partition("/hook")[0])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        yield received


def test_events_are_published_to_sns(tmp_path: Path, aws: Receiver) -> None:
    """By boto3, ten at a time; a partly failed batch is repeated, a rejected one is not."""
    with courier(tmp_path, SnsSink(TOPIC)) as metrics:
        names = [str(number) for number in range(25)]
        add(tmp_path, *names)
        wait_until(lambda: aws.names == names)
        assert len(aws.requests) == 3
        aws.failures = [["", "InternalError"], ["InvalidParameter", ""]]
        add(tmp_path, "a", "b")
        wait_until(lambda: counted(metrics, "refused", "sns") == 2)
        assert aws.names[25:] == ["a", "b"]
        assert counted(metrics, "retried", "sns") == 2


def test_sns_that_can_not_be_reached_gets_them_later(
    tmp_path: Path, aws: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has boto3's error class only."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:1")
    with courier(tmp_path, SnsSink(TOPIC)):
        add(tmp_path, "one")
        wait_until(lambda: "sns: events are not taken: EndpointConnectionError" in caplog.text)


def test_the_server_hands_on_what_happens(folder: Path) -> None:
    """A call, from Twilio's request to the webhook."""
    with (
        receiver() as received,
        server_in_thread(settings_for(folder, variables={"EVENTS_WEBHOOK_URL": received.url})) as caller,
    ):
        wait_until((folder / "events" / "prod" / ".webhook.json").exists)
        caller.ask("/sip-outgoing", LOBBY_CALLS)
        caller.ask(ENDED, {"DialCallStatus": "completed"})
        wait_until(lambda: received.names == ["outgoing-call", "outgoing-dialstatus-completed"])
