"""The rehearsal's own speed, so that other figures do not measure it: start, first request, a page, writes."""

from __future__ import annotations

import base64
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import orjson

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.state.history import write_history
from tests.benchmarks.child import run_program
from tests.benchmarks.comparison import AtMost, Comparison, Size, best_of, seconds_of

CREDENTIALS = 1000
# As a notebook's kernel does it: import, start, ask.
FIRST_REQUEST = """
import sys, time
at_first = time.perf_counter()
from pathlib import Path
from dialtone_nb.rehearsal import start_rehearsal
at_start = time.perf_counter()
with start_rehearsal(Path(sys.argv[1])) as rehearsal:
    started = time.perf_counter()
    import urllib.request
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(rehearsal.url, headers={"Host": "rehearsal.localhost"})).read()
    print('{"start": %f, "first": %f}' % (started - at_start, time.perf_counter() - at_first))
"""


class Wire:
    """One plain HTTP connection to a rehearsal."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(rehearsal.url).netloc)
        self._root = f"/2010-04-01/Accounts/{rehearsal.account_sid}"
        credentials = base64.b64encode(f"{rehearsal.account_sid}:{rehearsal.auth_token}".encode()).decode()
        self._headers = {"Host": "api.twilio.com", "Authorization": f"Basic {credentials}"}

    def ask(self, method: str, path: str, **form: str) -> bytes:
        """The body of an answer; raises AssertionError unless it is a success."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        self._connection.request(method, self._root + path, urlencode(form) or None, self._headers | kind)
        response = self._connection.getresponse()
        body = response.read()
        assert response.status < 300, body
        return body


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """A line each for start, first request, a page of a thousand calls, and a thousand credentials."""
    runs = 5 if size is Size.FULL else 1
    first = [
        run_program([sys.executable, "-c", FIRST_REQUEST, str(folder / f"first-{run}.db")]).said for run in range(runs)
    ]
    yield Comparison("rehearsal: start", "s", min(one["start"] for one in first), aim=AtMost(0.5))
    yield Comparison("rehearsal: import to first answer", "s", min(one["first"] for one in first), aim=AtMost(1))
    state = folder / "calls.db"
    write_history(state, days=7, calls=1200, seed=7)
    with start_rehearsal(state) as rehearsal:
        wire = Wire(rehearsal)
        assert len(orjson.loads(wire.ask("GET", "/Calls.json?PageSize=1000"))["calls"]) == 1000
        page = best_of(4 * runs, lambda: wire.ask("GET", "/Calls.json?PageSize=1000"))
        yield Comparison("rehearsal: a page of 1,000 calls", "ms", page * 1000, aim=AtMost(30))
        written = seconds_of(lambda: _write_credentials(wire))
        yield Comparison(f"rehearsal: {CREDENTIALS:,} credentials", "s", written, aim=AtMost(10))


def _write_credentials(wire: Wire) -> None:
    listed = orjson.loads(wire.ask("POST", "/SIP/CredentialLists.json", FriendlyName="phones"))["sid"]
    for number in range(CREDENTIALS):
        wire.ask(
            "POST",
            f"/SIP/CredentialLists/{listed}/Credentials.json",
            Username=f"phone-{number}",
            Password="Abcdefghijk1",
        )
