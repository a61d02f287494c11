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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Protocol

import requests
from pydantic import TypeAdapter, ValidationError

from dialtone_nb.files.atomic_file import write_whole
from dialtone_nb.server.day_files import Position, day_files, read_lines
from dialtone_nb.server.metrics import Metrics
from dialtone_nb.server.server_settings import Settings

TIMEOUT_S: Final = 10.0
# With these responses a receiver refuses for good; after any other failure the events are tried again.
_FOR_GOOD: Final = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422})
MOST_UNDELIVERED: Final = 64 * 1024 * 1024
LOOK_EVERY_S: Final = 0.5
LONGEST_PAUSE_S: Final = 60.0
# The pause after the folder failed; once it is repaired, nobody should have to wait long.
RETRY_AFTER_S: Final = 1.0
# How many files behind the cursor are remembered.
MOST_LEFT: Final = 64
# A day's file may still get lines from a worker that wrote a moment before midnight.
_SETTLED_AFTER_S: Final = 10.0
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
        # Optional: needed only to hand events to SNS.
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


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a receiver has come to: a place in one day's file, and how far the files `left` before were read.

    A file that was left may still grow: from a worker that wrote a moment before midnight, or for days, where the clock
    was ahead and is no more.
    """

    name: str = ""
    offset: int = 0
    left: Mapping[str, int] = field(default_factory=dict)

    def moved(self, place: Position) -> Cursor:
        """The cursor at another place."""
        left = {name: offset for name, offset in self.left.items() if name != place.name}
        if self.name and place.name != self.name:
            left[self.name] = self.offset
        return Cursor(place.name, place.offset, dict(sorted(left.items())[-MOST_LEFT:]))


_CURSOR: Final = TypeAdapter(Cursor)


class Courier:
    """Hands the lines of a folder to one receiver."""

    def __init__(self, folder: Path, sink: Sink, metrics: Metrics, most: int = MOST_UNDELIVERED) -> None:
        self._folder = folder
        self._sink = sink
        self._metrics = metrics
        self._most = most
        self._stopped = threading.Event()
        self._failures = 0
        self._is_failing = False
        # A new receiver gets what comes from now on; a folder that can't be read yet has nothing in it.
        self._cursor = Cursor()
        with contextlib.suppress(OSError):
            self._cursor = _end_of(folder)
        self._thread = threading.Thread(target=self._run, name=f"courier to {sink.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after what is under way; the next server goes on."""
        self._stopped.set()
        self._thread.join(LOOK_EVERY_S)

    @property
    def _cursor_file(self) -> Path:
        return self._folder / f".{self._sink.name}.json"

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with (self._folder / f".{self._sink.name}.lock").open("wb") as lock:
                    self._work(lock)
            except OSError as error:
                if not self._is_failing:
                    _log.error("%s: events can't be handed on: %s; they wait", self._folder, error.strerror)
                self._is_failing = True
                self._stopped.wait(RETRY_AFTER_S)

    def _work(self, lock: IO[bytes]) -> None:
        """Hand on from when this is the only courier until it is stopped, or the folder fails (`OSError`)."""
        while not _is_mine(lock):
            if self._stopped.wait(LOOK_EVERY_S):
                return
        self._move_to(self._read_cursor())
        pause = 0.0
        while not self._stopped.wait(pause):
            pause = self._step()
            if self._is_failing:
                _log.info("%s: events are handed on again", self._folder)
            self._is_failing = False

    def _step(self) -> float:
        """Hand on what is next; how long to wait then, in seconds."""
        self._cursor_file.stat()  # an OSError where the folder is another one now, whose lock is not ours
        self._give_up_oldest()
        unread = _unread(self._folder, self._cursor)
        self._metrics.undelivered.labels(self._sink.name).set(sum(unread.values()))
        if (place := self._next_place(unread)) is None:
            return LOOK_EVERY_S
        lines, after = read_lines(self._folder, place, self._sink.most)
        if not lines:  # a line that is still being written
            return LOOK_EVERY_S
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
        self._move_to(self._cursor.moved(after))
        return 0.0

    def _pause(self, why: str) -> float:
        if not self._failures:
            _log.warning("%s: events are not taken: %s; they wait on the disk", self._sink.name, why)
        self._failures += 1
        return min(2.0 ** (self._failures - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311 - a pause

    def _read_cursor(self) -> Cursor:
        """Where this receiver has come to, whoever handed on; where that can't be read, what this courier knows."""
        try:
            return _CURSOR.validate_json(self._cursor_file.read_bytes())
        except FileNotFoundError:
            return self._cursor
        except ValidationError:
            _log.error("%s: is damaged; what came since this server began is handed on", self._cursor_file)
            return self._cursor

    def _move_to(self, cursor: Cursor) -> None:
        self._cursor = cursor
        write_whole(self._cursor_file, json.dumps(asdict(cursor)) + "\n")

    def _next_place(self, unread: Mapping[Position, int]) -> Position | None:
        """Where to read next: on in this day's file, in one that was left and has grown, or in a later one.

        The next day is begun once this day's file is settled.
        """
        name = self._cursor.name
        places = sorted(unread, key=lambda place: (place.name != name, place.name))
        if not places or places[0].name <= name:
            return places[0] if places else None
        return None if name and _was_written_just_now(self._folder / name) else places[0]

    def _give_up_oldest(self) -> None:
        """Go on from where no more waits than is kept; what lies before it is counted as given up."""
        while (too_many := sum((unread := _unread(self._folder, self._cursor)).values()) - self._most) > 0:
            place = min(unread)
            lines, after = read_lines(self._folder, place, 1000)
            if not lines:
                return
            skipped = 0
            while skipped < len(lines) and too_many > 0:
                too_many -= len(lines[skipped]) + 1
                skipped += 1
            if skipped < len(lines):
                after = Position(place.name, place.offset + sum(len(line) + 1 for line in lines[:skipped]))
            self._count("given up", skipped)
            self._move_to(self._cursor.moved(after))

    def _count(self, result: str, number: int) -> None:
        self._metrics.deliveries.labels(self._sink.name, result).inc(number)


def _is_mine(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_of(folder: Path) -> Cursor:
    """The cursor behind all that is there."""
    places = [Position(file.name, file.stat().st_size) for file in day_files(folder)]
    cursor = Cursor()
    for place in places:
        cursor = cursor.moved(place)
    return cursor


def _unread(folder: Path, cursor: Cursor) -> dict[Position, int]:
    """The places that hold what was not read, and how many bytes that is; nothing of files before all that were."""
    read = {**cursor.left, cursor.name: cursor.offset}
    unread = {}
    for file in day_files(folder):
        size, offset = file.stat().st_size, read.get(file.name, 0)
        if offset > size:  # another file, in the place of one that was taken away
            offset = 0
        if file.name >= min(read) and size > offset:
            unread[Position(file.name, offset)] = size - offset
    return unread


def _was_written_just_now(path: Path) -> bool:
    # A time ahead is of a clock that was wrong, and says nothing.
    try:
        return 0 <= time.time() - path.stat().st_mtime < _SETTLED_AFTER_S
    except FileNotFoundError:
        return False
