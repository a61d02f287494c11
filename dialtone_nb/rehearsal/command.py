"""`python -m dialtone_nb rehearsal`: the rehearsal as a process of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from dialtone_nb.rehearsal.server import start_rehearsal


def main(argv: list[str]) -> int:
    """0 once the rehearsal was told to stop, by SIGINT or SIGTERM; until then it answers."""
    parser = argparse.ArgumentParser(
        prog="python -m dialtone_nb rehearsal", description="A stand-in for Twilio on this machine; it is not Twilio."
    )
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1 (default: any free port)")
    parser.add_argument(
        "--state", type=Path, default=Path(".rehearsal/state.db"), help="the file that holds the account"
    )
    parser.add_argument("--seed", type=int, default=7, help="what all SIDs and secrets follow from (default: 7)")
    options = parser.parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with start_rehearsal(options.state, seed=options.seed, port=options.port) as rehearsal:
        sys.stdout.write(
            "Rehearsal of Twilio, on this machine only. This is not Twilio: no call, no number and no charge is real.\n"
            f"URL          {rehearsal.url}\n"
            f"Account SID  {rehearsal.account_sid}\n"
            f"Auth token   {rehearsal.auth_token}\n"
            "Stop it with Ctrl-C.\n"
        )
        sys.stdout.flush()
        stopped.wait()
    return 0
