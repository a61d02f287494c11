"""`python -m dialtone_nb serve` as a process: start, errors, end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import psutil
import pytest
import requests

from dialtone_nb.__main__ import main
from dialtone_nb.server.folder import read_serving
from dialtone_nb.server.metrics import SHARED_FOLDER
from dialtone_nb.server.spool import memory_folder
from tests.server.running_server import (
    AUTH_TOKEN,
    CALL_SID,
    ENDED,
    LOBBY_CALLS,
    SECRETS,
    TRUNK_PASSWORD,
    Caller,
    events_in,
    outgoing,
    serve_command,
    server_process,
    wait_until,
    workers_of,
)


def refused(folder: Path, *options: str, **variables: str) -> tuple[int, list[str]]:
    """The exit code and lines of a server that can't start with these options."""
    command = [sys.executable, "-m", "dialtone_nb", "serve", "--folder", str(folder), *options]
    plain = {name: value for name, value in os.environ.items() if name not in SECRETS}
    done = subprocess.run(
        command, env=plain | variables, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def refused_at_once(folder: Path, *options: str, **variables: str) -> tuple[int, list[str]]:
    """The same in this process, of which nothing was changed yet."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as errors:
        for name in SECRETS:
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        return main(["serve", "--folder", str(folder), *options]), errors.getvalue().splitlines()


def test_it_answers_until_it_is_told_to_stop(folder: Path) -> None:
    """It prints its address and table, and ends with 0 and the last event on the disk."""
    with server_process(folder) as server:
        assert server.caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
        code, errors = server.stop()
    assert code == 0
    assert f"prod serves table {read_serving(folder, 'prod').version[:12]}" in errors
    assert [event["event"] for event in events_in(folder)] == ["outgoing-call"]


def test_it_starts_over_a_damaged_note(folder: Path) -> None:
    """It reports it, and answers."""
    (folder / "environments" / "prod.json").write_text("[]")
    with server_process(folder) as server:
        assert server.caller.ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
        _, errors = server.stop()
    assert "does not say which table is served" in "".join(errors)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_may_be_told_to_stop_before_it_answers(folder: Path, workers: str, number: signal.Signals) -> None:
    """A signal right after its first line ends it properly."""
    command = serve_command(folder, "--workers", workers)
    with subprocess.Popen(command, env=os.environ | SECRETS, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert " at http://" in child.stdout.readline()
        child.send_signal(number)
        assert child.wait(30) == 0


def test_no_secret_is_told(folder: Path) -> None:
    """Neither its output nor its pages nor its events have one."""
    webhook = "http://127.0.0.1:1/hook?key=k3y"
    with server_process(folder, variables={"EVENTS_WEBHOOK_URL": webhook}) as server:
        assert (
            TRUNK_PASSWORD.replace("&", "&amp;").replace("<", "&lt;")[:6]
            in server.caller.ask("/sip-outgoing", outgoing("%23")).text
        )
        server.caller.ask("/sip-outgoing", LOBBY_CALLS, token="x" * 32)
        pages = [requests.get(f"{server.caller.url}/{page}", timeout=10).text for page in ("metrics", "healthz")]
        wait_until(lambda: events_in(folder))
        shown = " ".join(psutil.Process(server.child.pid).cmdline())
        _, errors = server.stop()
    told = "\n".join([*pages, errors, shown, str(events_in(folder))])
    for secret in (AUTH_TOKEN, TRUNK_PASSWORD, "k3y"):
        assert secret not in told


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        ([], {}, "the following arguments are required: --environment"),
        (["--environment", "prod"], {}, "TWILIO_AUTH_TOKEN: is not set; set it in the environment or in .env"),
        (["--environment", "../prod"], SECRETS, "'../prod' is not an environment's name"),
        (
            ["--environment", "prod", "--base-url", "calls.example.org"],
            SECRETS,
            "--base-url: is not a URL; write it whole",
        ),
        (["--environment", "prod", "--base-url", "http://x/?a=1"], SECRETS, "--base-url: has a query or a fragment"),
        (["--environment", "prod", "--proxy", "proxy.example"], SECRETS, "--proxy proxy.example: is not an address"),
        (["--environment", "prod", "--workers", "0"], SECRETS, "--workers: 0 is too few or too many; 1 to 64"),
        (["--environment", "prod", "--port", "99999"], SECRETS, "--port: 99999 is not a port; 0 to 65535"),
        (
            ["--environment", "prod"],
            SECRETS | {"EVENTS_WEBHOOK_URL": "k3y"},
            "EVENTS_WEBHOOK_URL: is not a URL; write it whole, such as https://calls.example.org",
        ),
        (["--environment", "prod"], SECRETS | {"EVENTS_SNS_TOPIC_ARN": "calls"}, "EVENTS_SNS_TOPIC_ARN: is not an ARN"),
    ],
)
def test_what_it_can_not_be_started_with_is_told_in_a_line(
    folder: Path, options: list[str], variables: dict[str, str], line: str
) -> None:
    """Exit code 5, the place, the problem and the repair."""
    code, lines = refused_at_once(folder, *options, **variables)
    assert code == 5
    assert len(lines) == 1
    assert line in lines[0]


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    """The error for a port in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, lines = refused(folder, "--environment", "prod", "--port", port, **SECRETS)
    assert (code, lines) == (1, [f"The server can't use port {port} of 127.0.0.1: Address already in use"])


def test_secrets_may_stand_in_a_file(folder: Path) -> None:
    """In .env in the working directory; an unknown name in it would be an error."""
    (folder / ".env").write_text("TWILIO_AUTH_TOKEN=x\n", encoding="utf-8")
    _, lines = refused_at_once(folder, "--environment", "prod", "--workers", "0")
    assert lines == ["--workers: 0 is too few or too many; 1 to 64"]


def test_several_workers_answer_and_count_together(folder: Path) -> None:
    """A killed worker is replaced; calls continue, and its counts are kept."""
    with server_process(folder, "--workers", "2") as server:
        wait_until(lambda: len(workers_of(server.child.pid)) == 2)
        # In memory, so that they start on a full disk too.
        counted_in = workers_of(server.child.pid)[0].environ()[SHARED_FOLDER]
        assert Path(counted_in).parent == memory_folder()

        def placed() -> float:
            lines = requests.get(f"{server.caller.url}/metrics", timeout=10).text.splitlines()
            wanted = 'dialtone_decisions_total{decision="dial-pstn",direction="outgoing"}'
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(wanted))

        for _ in range(20):
            assert Caller(server.caller.url).ask("/sip-outgoing", LOBBY_CALLS).status_code == 200
        wait_until(lambda: placed() == 20)
        first, *_ = killed = workers_of(server.child.pid)
        first.kill()
        wait_until(lambda: len({one.pid for one in workers_of(server.child.pid)} - {first.pid}) == len(killed))
        assert Caller(server.caller.url).ask(ENDED, {"CallSid": CALL_SID}).status_code == 200
        wait_until(lambda: placed() == 20)
        code, _ = server.stop()
    assert code == 0
    assert len(events_in(folder)) == 21


def test_workers_log_as_one_process_does(folder: Path) -> None:
    """What each serves is logged; bad signatures are one line a minute together, non-HTTP traffic none."""
    with server_process(folder, "--workers", "2") as server:
        wait_until(lambda: len(workers_of(server.child.pid)) == 2)
        port = int(server.caller.url.rpartition(":")[2])
        for _ in range(30):
            server.caller.session = requests.Session()
            assert server.caller.ask("/sip-outgoing", LOBBY_CALLS, token="x" * 32).status_code == 403
            with socket.create_connection(("127.0.0.1", port)) as bad:
                bad.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
                bad.recv(100)
        _, errors = server.stop()
    told = errors.splitlines()
    assert sum("INFO prod serves table" in line for line in told) >= 2
    assert sum("A signature does not fit" in line for line in told) == 1
    assert all(line.startswith(("INFO ", "WARNING A signature")) for line in told)


def test_workers_do_not_outlive_whoever_would_replace_them(folder: Path) -> None:
    """When the first process is killed its workers finish and end, which frees the port."""
    with server_process(folder, "--workers", "2") as server:
        wait_until(lambda: len(workers_of(server.child.pid)) == 2)
        workers = workers_of(server.child.pid)
        server.child.kill()
        wait_until(lambda: not any(worker.is_running() for worker in workers))


def test_its_help_names_what_comes_from_the_environment() -> None:
    """Secrets are not options, so the help names their variables."""
    command = [sys.executable, "-m", "dialtone_nb", "serve", "--help"]
    told = " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    for name in (*SECRETS, "EVENTS_WEBHOOK_URL", "EVENTS_SNS_TOPIC_ARN"):
        assert name in told
