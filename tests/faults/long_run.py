"""A long run: calls by the thousand through the rehearsal and the deployed functions, then what is reported of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from twilio.rest import Client

from dialtone_nb.account import CONTROL, Account, Credentials
from dialtone_nb.calls.frame import Phone
from dialtone_nb.calls.load import load_calls
from dialtone_nb.transport import Transport
from tests.infrastructure.desk import SERVICE, sample

from .accounts import make_account
from .applies import EVERYBODY

CALLS = 100_000
# Memory is compared with what it was once this part of the calls were placed: caches are full then.
WARM = 0.1
# How much more the rehearsal and its functions may hold at the end than then, in megabytes.
BOUND_MB = 64
# Before anything, as the clock starts there.
BEGINNING = "2026-03-01"


@dataclass(frozen=True)
class LongRun:
    """What came of a long run: calls placed and reported, memory in megabytes, seconds."""

    placed: int
    reported: int
    answered: int
    warm_mb: float
    end_mb: float
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether every call was answered and is reported, and memory stayed within the bound."""
        return self.placed == self.reported == self.answered and self.end_mb - self.warm_mb <= BOUND_MB

    def row(self) -> str:
        """The run as a row of Markdown, below its heading."""
        heads = ("calls placed", "reported", "answered", "lost", "memory after a tenth", "at the end", "calls a second")
        cells = (
            *(f"{number:,}" for number in (self.placed, self.reported, self.answered, self.placed - self.reported)),
            *(f"{megabytes:.0f} MB" for megabytes in (self.warm_mb, self.end_mb)),
            f"{self.placed / self.seconds:.0f}",
        )
        return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---:"] * len(heads), cells))


def run_long(calls: int) -> LongRun:
    """So many calls, out of and into two environments in turn, and what the account's own report has of them."""
    with tempfile.TemporaryDirectory(prefix="long-run-") as name:
        folder = Path(name)
        make_account(folder, "network")
        with _rehearsal(folder / "state.db") as (process, account):
            started = time.monotonic()
            answered = warm = 0
            for number in range(calls):
                order = EVERYBODY[number % len(EVERYBODY)]
                answered += _place(account, order)
                if number == int(calls * WARM):
                    warm = memory_kb(process.pid)
            seconds, end = time.monotonic() - started, memory_kb(process.pid)
            phones = {one.caller_id: Phone(key, one.environment) for key, one in sample()[0].clients.items()}
            data = load_calls("twilio", account, since=BEGINNING, service=SERVICE, phones=phones)
            account.transport.session.close()
    return LongRun(calls, len(data.frame), answered, warm / 1024, end / 1024, seconds)


def memory_kb(process: int) -> int:
    """The resident memory of a process and of those that it started, in kilobytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = {
        child for task in Path(f"/proc/{process}/task").iterdir() for child in (task / "children").read_text().split()
    }
    return own + sum(memory_kb(int(child)) for child in children)


def _place(account: Account, order: dict[str, str]) -> bool:
    """Whether a call got through to somebody, all of it heard."""
    told = account.transport.send("POST", f"{CONTROL}/calls", json=order).json()
    return bool(told["answered"]) and not told["alerts"]


@contextmanager
def _rehearsal(state: Path) -> Iterator[tuple[subprocess.Popen[str], Account]]:
    """A rehearsal in a process of its own, and its account."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--port", "0", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, _open(process)
    finally:
        process.terminate()
        process.communicate()


def _open(process: subprocess.Popen[str]) -> Account:
    """The account, from what the rehearsal prints once it is ready."""
    assert process.stdout
    said: dict[str, str] = {}
    while not {"URL", "Account SID", "Auth token"} <= said.keys():
        line = process.stdout.readline()
        name, _, value = line.strip().partition("  ")
        said[name] = value.strip()
    transport = Transport(said["URL"])
    sid, token = said["Account SID"], said["Auth token"]
    return Account(
        "rehearsal", Credentials(sid, sid, token, token), transport, Client(sid, token, http_client=transport)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing was lost and memory stayed within its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long_run", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N")
    run = run_long(parser.parse_args(arguments).calls)
    print(run.row())
    return 0 if run.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
