"""SIPp, a standard SIP test tool, with the SIP server: one scenario a file, over UDP and over TCP."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rehearsal.sip.conftest import needs
from tests.rehearsal.sip.names import DOMAIN, PASSWORD
from tests.rehearsal.sip.network import Network, until

SCENARIOS = Path(__file__).with_name("scenarios")
TRANSPORTS = {"udp": "u1", "tcp": "t1"}


@dataclass(frozen=True)
class Run:
    """Parameters of a scenario: dialled user, number of calls, rate, password."""

    dialled: str = "5035550190"
    times: int = 1
    rate: int = 1
    password: str = PASSWORD


RUNS = {
    "register": Run(),
    "wrong_password": Run(password="Wrongpassword1"),
    "unregister": Run(),
    "call": Run(),
    "hung_up_on": Run("700"),
    "cancel": Run("5035550195"),
    "busy": Run("701"),
    "re_invite": Run(),
    "options": Run(times=200, rate=200),
    "flood": Run(times=200, rate=200),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("scenario", RUNS)
def test_scenario(network: Network, tmp_path: Path, scenario: str, transport: str) -> None:
    """SIPp completes it, and every message is as expected."""
    needs("sipp", "sip-tester")
    run = RUNS[scenario]
    play(network, tmp_path, scenario, run, transport, network.add_user())


def play(network: Network, folder: Path, scenario: str, run: Run, transport: str, user: str) -> None:
    """Run a scenario; raises AssertionError with SIPp's output if it fails."""
    command = [
        *("sipp", "{}:{}".format(*network.address), "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1"),
        *("-t", TRANSPORTS[transport], "-s", user, "-m", str(run.times), "-r", str(run.rate), "-l", "200"),
        *("-key", "domain", DOMAIN, "-key", "dialled", run.dialled, "-au", user, "-ap", run.password),
        *(
            "-timeout",
            "60",
            "-timeout_error",
            "-deadcall_wait",
            "0",
            "-trace_err",
            "-error_file",
            str(folder / "errors"),
            "-nostdin",
        ),
    ]
    played = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=90, check=False)
    errors = (folder / "errors").read_text() if (folder / "errors").exists() else ""
    assert played.returncode == 0, f"{scenario} over {transport}: {errors[-3000:] or played.stdout[-2000:]}"


def test_a_flood_leaves_nothing_behind(network: Network, tmp_path: Path) -> None:
    """A thousand unauthenticated calls leave no transaction, call or alert."""
    needs("sipp", "sip-tester")
    before = len(network.calls()), len(network.client.monitor.v1.alerts.list())
    remembered = len(network.door._transactions)
    play(network, tmp_path, "flood", Run(times=1000, rate=250), "udp", "nobody")
    assert (len(network.calls()), len(network.client.monitor.v1.alerts.list())) == before
    assert len(network.door._transactions) <= remembered


def test_many_calls_at_once_are_all_carried(network: Network, tmp_path: Path) -> None:
    """Twenty calls, ten a second, in parallel, each with its records."""
    needs("sipp", "sip-tester")
    user = network.add_user()
    play(network, tmp_path, "call", Run(times=20, rate=10), "udp", user)
    statuses = until(lambda: (found := statuses_of(network, user)) and set(found) == {"completed"} and found)
    assert len(statuses) == 20


def statuses_of(network: Network, user: str) -> list[str]:
    """The statuses of a phone's calls, newest first."""
    return [status for _, caller, _, status in network.calls() if caller.startswith(f"sip:{user}@")]
