"""Calls fetched into the archive a second, at 150 ms a page, beside Twilio's own client and beside the bare transfer.

Full size: 200,000 records on 50 days.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import requests
from twilio.rest import Client

from dialtone_nb.account.transport import Transport
from dialtone_nb.calls.archive.sync import sync_calls
from dialtone_nb.calls.attempts.quality import Quality
from dialtone_nb.calls.twilio_source.fetch import SIDE_BY_SIDE
from tests.benchmarks.child import ROOT
from tests.benchmarks.comparison import Better, Comparison, Size, seconds_of
from tests.benchmarks.programs.slow_lists import ACCOUNT, FIRST, PAGE, PATH
from tests.rehearsal.doors import RehearsalHttpClient

PAGE_MS = 150
DAYS = {Size.FULL: 50, Size.QUICK: 8}
CALLS_A_DAY = 4000
# An official client that reads one page after the other needs no more pages to show how fast it is.
PEERS_PAGES = 40


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """Records a second, of calls and of their legs, as Twilio lists both."""
    days = DAYS[size]
    records = days * CALLS_A_DAY
    with slow_lists(records, days) as address:
        ours = records / seconds_of(lambda: sync(address, folder / "archive", days))
        again = requests_of(address, folder / "archive", days)
        streamed = min(records, PEERS_PAGES * PAGE)
        theirs = streamed / seconds_of(lambda: stream(address, streamed))
        bare = records / seconds_of(lambda: transfer(address, days))
    what = "call records fetched into the archive, 150 ms a page"
    official = "twilio-python calls.stream(page_size=1000) into a DataFrame"
    yield Comparison(what, "1/s", ours, official, theirs, Better(10), more_is_better=True)
    transferred = f"the same pages, {SIDE_BY_SIDE} side by side, not looked at"
    yield Comparison(what, "1/s", ours, transferred, bare, more_is_better=True)
    yield Comparison("requests of a second sync when nothing is new", "", again)


@contextmanager
def slow_lists(calls: int, days: int) -> Iterator[str]:
    """The address of a server of these lists, a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.programs.slow_lists", str(calls), str(days), str(PAGE_MS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.terminate()


def sync(address: str, archive: Path, days: int) -> Transport:
    """The transport of one sync."""
    transport = Transport(address)
    client = Client(ACCOUNT, "token", http_client=transport)
    last = FIRST + timedelta(days=days - 1)
    now = datetime(last.year, last.month, last.day, 23, tzinfo=UTC) + timedelta(hours=1)
    sync_calls(client, str(archive), now=now, first=FIRST, quality=Quality())
    return transport


def requests_of(address: str, archive: Path, days: int) -> int:
    """How many requests a sync makes a month later, when the archive's last days have long settled."""
    asked: list[str] = []

    class Counting(Transport):
        def send(self, method: str, url: str, **options: Any) -> requests.Response:
            asked.append(url)
            return super().send(method, url, **options)

    client = Client(ACCOUNT, "token", http_client=Counting(address))
    later = datetime.combine(FIRST + timedelta(days=days + 2), datetime.min.time(), UTC)
    for minutes in (0, 5):
        asked.clear()
        sync_calls(client, str(archive), now=later + timedelta(minutes=minutes), quality=Quality())
    return len(asked)


def stream(address: str, records: int) -> pd.DataFrame:
    """Fetch the calls as the client's documentation says."""
    client = Client(ACCOUNT, "token", http_client=RehearsalHttpClient(address))
    calls = client.calls.stream(start_time_after=date(2000, 1, 1), page_size=PAGE, limit=records)
    return pd.DataFrame([vars(call) for call in calls])


def transfer(address: str, days: int) -> int:
    """Download all pages without parsing them."""
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SIDE_BY_SIDE))
    session.trust_env = False

    def fetch(place: tuple[date, int]) -> int:
        day, page = place
        query = {"StartTime>": str(day), "Page": str(page)}
        return len(session.get(address + PATH, params=query, timeout=30).content)

    places = [(FIRST + timedelta(days=n), page) for n in range(days) for page in range(CALLS_A_DAY // PAGE)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return sum(pool.map(fetch, places))
