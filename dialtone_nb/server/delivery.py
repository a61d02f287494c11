"""Events on the disk -> their receivers: the day files are the queue, so it survives whatever the server does not.

One of the server's workers has the courier's lock and hands on, line after line; where it has come to is in a file for
each receiver. When that worker dies, another goes on from there, so an event may arrive twice, and is never left out,
unless so much waits that the oldest is given up, which is counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final, Protocol

import requests
from pydantic import TypeAdapter, ValidationError

from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.server.day_files import Position, day_files, end_position, read_lines
from dialtone_nb.server.metrics import Metrics
from dialtone_nb.server.server_settings import Settings

TIMEOUT_S: Final = 10.0
# A receiver that answers so will not answer otherwise the next time; whatever else fails is tried again.
_FOR_GOOD: Final = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})
MOST_UNDELIVERED: Final = 64 * 1024 * 1024
LOOK_EVERY_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0
# A day's file may still get lines from a worker that wrote a moment before midnight.
_SETTLED_AFTER_S: Final = 10.0
_POSITION: Final = TypeAdapter(Position)
_log = logging.getLogger(__name__)


class NotDeliveredError(Exception):
    """The events did not arrive; it says why, without the address, and they are tried again."""


class RefusedForGoodError(Exception):
    """The receiver will never take these events; it says why, without the address."""


class Sink(Protocol):
    """Takes events, one JSON line each, at most `most` at a time; more than once where a delivery's end is unknown."""

    name: str
    most: int

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on; a `NotDeliveredError` or a `RefusedForGoodError` where they were not taken."""


class WebhookSink:
    """POSTs events as a JSON array, as the files of the public log are."""

    name = "webhook"
    most = 100

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers.update({"Content-Type": "application/json", "User-Agent": "dialtone_nb"})

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on in one request."""
        body = b"[" + b",".join(lines) + b"]"
        try:
            response = self._session.post(self._url, data=body, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            # Not its text: that has the URL in it.
            raise NotDeliveredError(type(error).__name__) from None
        if response.status_code in _FOR_GOOD:
            raise RefusedForGoodError(f"HTTP {response.status_code}")
        if not 200 <= response.status_code < 300:
            raise NotDeliveredError(f"HTTP {response.status_code}")


class SnsSink:
    """Publishes each event as a message of its own; AWS's credentials come from where boto3 looks for them."""

    name = "sns"
    most = 10  # what PublishBatch takes

    def __init__(self, topic_arn: str) -> None:
        # Optional: only whoever hands events to SNS needs it.
        import boto3
        from botocore.config import Config

        self._topic_arn = topic_arn
        config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
        # arn:aws:sns:<region>:<account>:<name>
        self._client: Any = boto3.client("sns", region_name=topic_arn.split(":")[3], config=config)

    def send(self, lines: Sequence[bytes]) -> None:
        """Hand the events on in one batch; those that came through when others did not come again."""
        from botocore.exceptions import BotoCoreError, ClientError

        entries = [{"Id": str(number), "Message": line.decode()} for number, line in enumerate(lines)]
        try:
            answer = self._client.publish_batch(TopicArn=self._topic_arn, PublishBatchRequestEntries=entries)
        except (BotoCoreError, ClientError) as error:
            raise NotDeliveredError(_reason(error)) from None
        failed = answer.get("Failed", [])
        if any(not one["SenderFault"] for one in failed):
            raise NotDeliveredError(str(failed[0]["Code"]))
        if failed:
            raise RefusedForGoodError(str(failed[0]["Code"]))


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__


@contextlib.contextmanager
def open_couriers(settings: Settings, folder: Path, metrics: Metrics) -> Iterator[None]:
    """Hand events on to the receivers that the settings name, in threads, until the block ends."""
    sinks: list[Sink] = []
    if settings.webhook_url:
        sinks.append(WebhookSink(settings.webhook_url))
    if settings.sns_topic_arn:
        sinks.append(SnsSink(settings.sns_topic_arn))
    couriers = [Courier(folder, sink, metrics) for sink in sinks]
    try:
        yield
    finally:
        for courier in couriers:
            courier.close()


class Courier:
    """Hands the lines of a folder to one receiver."""

    def __init__(self, folder: Path, sink: Sink, metrics: Metrics, most: int = MOST_UNDELIVERED) -> None:
        self._folder = folder
        self._sink = sink
        self._metrics = metrics
        self._most = most
        self._stopped = threading.Event()
        self._failures = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run, name=f"courier to {sink.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after what is under way; the next server goes on."""
        self._stopped.set()
        self._thread.join(LOOK_EVERY_S)

    @property
    def _cursor(self) -> Path:
        return self._folder / f".{self._sink.name}.json"

    def _run(self) -> None:
        with (self._folder / f".{self._sink.name}.lock").open("wb") as lock:
            while not _is_mine(lock):
                if self._stopped.wait(LOOK_EVERY_S):
                    return
            pause = 0.0
            while not self._stopped.wait(pause):
                try:
                    pause = self._step()
                except OSError as error:
                    _log.error("%s: events can't be handed on: %s", self._folder, error.strerror)
                    pause = LONGEST_PAUSE_S

    def _step(self) -> float:
        """Hand on what is next; how long to wait then, in seconds."""
        position = self._give_up_oldest(self._read_position())
        lines, after = read_lines(self._folder, position, self._sink.most)
        self._metrics.undelivered.labels(self._sink.name).set(_bytes_after(self._folder, position))
        if not lines:
            if (following := self._next_file(position)) is None:
                return LOOK_EVERY_S
            self._move_to(following)
            return 0.0
        try:
            self._sink.send(lines)
        except NotDeliveredError as error:
            self._count("retried", len(lines))
            return self._pause(str(error))
        except RefusedForGoodError as error:
            self._count("refused", len(lines))
            _log.error("%s: %d event(s) are refused for good: %s", self._sink.name, len(lines), error)
        else:
            self._count("delivered", len(lines))
        self._failures = 0
        self._move_to(after)
        return 0.0

    def _pause(self, why: str) -> float:
        if not self._failures:
            _log.warning("%s: events are not taken: %s; they wait on the disk", self._sink.name, why)
        self._failures += 1
        return min(2.0 ** (self._failures - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311 - a pause

    def _read_position(self) -> Position:
        """Where this receiver has come to; the end of all lines where it is a new one."""
        try:
            return _POSITION.validate_json(self._cursor.read_bytes())
        except (FileNotFoundError, ValidationError):
            position = end_position(self._folder)
            self._move_to(position)
            return position

    def _move_to(self, position: Position) -> None:
        write_whole(self._cursor, json.dumps(asdict(position)) + "\n")

    def _next_file(self, position: Position) -> Position | None:
        """The beginning of the next day's file, once this day's is settled."""
        path = self._folder / position.name
        if position.name and path.exists() and time.time() - path.stat().st_mtime < _SETTLED_AFTER_S:
            return None
        return next((Position(file.name) for file in day_files(self._folder) if file.name > position.name), None)

    def _give_up_oldest(self, position: Position) -> Position:
        """The position from which no more waits than is kept; what lies before it is counted as given up."""
        while (too_many := _bytes_after(self._folder, position) - self._most) > 0:
            lines, after = read_lines(self._folder, position, 1000)
            skipped = 0
            while skipped < len(lines) and too_many > 0:
                too_many -= len(lines[skipped]) + 1
                skipped += 1
            if skipped < len(lines):
                after = Position(position.name, position.offset + sum(len(line) + 1 for line in lines[:skipped]))
            elif not lines:
                if (following := self._next_file(position)) is None:
                    return position
                after = following
            self._count("given up", skipped)
            position = after
            self._move_to(position)
        return position

    def _count(self, result: str, number: int) -> None:
        self._metrics.deliveries.labels(self._sink.name, result).inc(number)


def _is_mine(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bytes_after(folder: Path, position: Position) -> int:
    sizes = {file.name: file.stat().st_size for file in day_files(folder) if file.name >= position.name}
    return sum(sizes.values()) - (position.offset if position.name in sizes else 0)
