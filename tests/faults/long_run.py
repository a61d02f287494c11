"""A long run: calls by the thousand through the rehearsal and the deployed functions, then what is reported of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from twilio.rest import Client

from dialtone_nb.account.account import CONTROL, Account, AccountCredentials
from dialtone_nb.account.transport import Transport
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.twilio_source.frame import Phone
from tests.faults.accounts import make_account
from tests.faults.applies import EVERYBODY, FROM_PROD, FROM_STAGE, TO_PROD, TO_STAGE, Order
from tests.infrastructure.desk import SERVICE, sample

CALLS = 100_000
# Memory is compared with what it was once this part of the calls were placed: caches are full then.
WARM = 0.1
# How much more the rehearsal and its functions may hold at the end than then, in megabytes.
BOUND_MB = 64
# Before anything, as the clock starts there.
BEGINNING = "2026-03-01"
# What is placed in turn, and what the report has to say of it: most calls are answered, as in a network, and not all.
ORDERS: Sequence[tuple[Order, str]] = (
    *((order, "answered") for order in (*EVERYBODY, *EVERYBODY)),
    (FROM_STAGE | {"busy": True}, "busy"),
    (FROM_PROD | {"no_answer": True}, "no_answer"),
    (FROM_PROD | {"dial": "9005550199"}, "refused"),
    (TO_STAGE | {"unreachable": True}, "unreachable"),
    (TO_PROD | {"cancel_after": 1.0}, "canceled"),
)


@dataclass(frozen=True)
class LongRun:
    """The result of a long run: calls by outcome, as placed and as reported; memory in megabytes, seconds."""

    placed: Counter[str]
    reported: Counter[str]
    warm_mb: float
    end_mb: float
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether every call is reported once and with its outcome, and memory stayed within the bound."""
        return self.placed == self.reported and self.end_mb - self.warm_mb <= BOUND_MB

    def row(self) -> str:
        """The run as a row of Markdown, below its heading."""
        cells = {
            "calls placed": f"{self.placed.total():,}",
            "reported": f"{self.reported.total():,}",
            "lost": f"{(self.placed - self.reported).total():,}",
            "too many": f"{(self.reported - self.placed).total():,}",
            "memory after a tenth": f"{self.warm_mb:.0f} MB",
            "at the end": f"{self.end_mb:.0f} MB",
            "calls a second": f"{self.placed.total() / self.seconds:.0f}",
        }
        return "\n".join(f"| {' | '.join(line)} |" for line in (cells, ["---:"] * len(cells), cells.values()))


def run_long(calls: int) -> LongRun:
    """Place this many calls, outgoing and incoming in two environments, and compare the account's report."""
    placed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="long-run-") as name:
        folder = Path(name)
        make_account(folder, "network")
        with _rehearsal(folder / "state.db") as (process, account):
            started, warm = time.monotonic(), 0
            for number in range(calls):
                order, outcome = ORDERS[number % len(ORDERS)]
                account.transport.send("POST", f"{CONTROL}/calls", json=order).raise_for_status()
                placed[outcome] += 1
                if number == int(calls * WARM):
                    warm = memory_kb(process.pid)
            seconds, end = time.monotonic() - started, memory_kb(process.pid)
            reported = _report(account)
            account.transport.session.close()
    return LongRun(placed, reported, warm / 1024, end / 1024, seconds)


def _report(account: Account) -> Counter[str]:
    """The number of calls by outcome in the account's report."""
    phones = {one.caller_id: Phone(key, one.environment) for key, one in sample()[0].clients.items()}
    data = load_calls("twilio", account, since=BEGINNING, service=SERVICE, phones=phones)
    return Counter(map(str, data.frame["outcome"]))


def memory_kb(process: int) -> int:
    """The resident memory of a process and its children, in kilobytes."""
    started = psutil.Process(process)
    return sum(one.memory_info().rss for one in (started, *started.children(recursive=True))) // 1024


@contextmanager
def _rehearsal(state: Path) -> Iterator[tuple[subprocess.Popen[str], Account]]:
    """A rehearsal in a separate process, and its account."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--port", "0", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, _open(process)
    finally:
        process.terminate()
        process.communicate()


def _open(process: subprocess.Popen[str]) -> Account:
    """The account, opened from what the rehearsal prints once it is ready."""
    assert process.stdout
    said: dict[str, str] = {}
    while not {"URL", "Account SID", "Auth token"} <= said.keys():
        line = process.stdout.readline()
        name, _, value = line.strip().partition("  ")
        said[name] = value.strip()
    transport = Transport(said["URL"])
    sid, token = said["Account SID"], said["Auth token"]
    return Account(
        "rehearsal", AccountCredentials(sid, sid, token, token), transport, Client(sid, token, http_client=transport)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 if no call was lost and memory stayed within its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long_run", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N")
    run = run_long(parser.parse_args(arguments).calls)
    print(run.row())
    return 0 if run.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
