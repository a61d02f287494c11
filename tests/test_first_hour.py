"""Commands in the documentation, each run as it is written, in a new shell of a clean checkout.

First the commands of README's first hour in order, then all others of README, docs, sheets and walkthrough.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.sheets import render_sheet

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = README + "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md")))
HOUR = README.partition("## The first hour")[2].partition("```\n")[2].partition("```")[0].splitlines()
HOUR = [re.sub(r"\s{2,}#.*", "", line) for line in HOUR]
ACTIVATE = ". .venv/bin/activate"
# These only set the project up and start what is tested or measured elsewhere: that make knows each is enough.
# JupyterLab is started by `make lab`, whose options come from the environment.
DRY = ("test", "check", "bench", "faults", "foreign", "notebooks", "documents", "rehearse", "lab LAB")
STARTS_WITHIN_S = 150
# The exit code of bad input, and of what is not there: an account, a network, a right.
LACKING = 5
# What stands for something of the reader's own.
PLACEHOLDERS = {
    r"\b(CLIENT|workbench)\b": "kiosk",
    r"\bNAME\b": "kiosk",
    r"\bNUMBER\b": "+15035550142",
    r"\bX\.yaml\b": "stage.yaml",
    r"192\.0\.2\.20(:5060)?": "127.0.0.1:0",
    r"--port \d+": "--port {port}",
    r"127\.0\.0\.1:8484": "127.0.0.1:{rehearsal}",
    r"--minutes 5\b": "--minutes 0.05",
}
# Run until they are stopped, and what they say when they are ready.
SERVES = {
    "make lab": r"is running at",
    "dialtone_nb rehearsal": r"http://127\.0\.0\.1:\d+",
    "dialtone_nb serve": r"http",
    "dialtone_nb hand-over": r"Ctrl\+C",
    "dialtone_nb listen": r"^listening on",
}
# Without a real account, a phone that fetches its configuration, a server of our own or the right to a port they end
# with a line for what is missing.
NEEDS = (
    *(r"--with parameters/", r"dialtone_nb serve", r"hand-over"),
    *(r"dialtone_nb listen", r"dialtone_nb new-network$"),
)


def commands_of_text(text: str) -> set[str]:
    """The commands in code blocks and backticks."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    first = re.compile(r"(?:python -m dialtone_nb [a-z]|papermill notebooks/|make [a-z]|curl .*http)")
    return {one.strip() for one in (*lines, *inline) if first.match(one.strip())}


def all_commands() -> list[str]:
    """Those of README, docs, the walkthrough and a sheet of each kind of phone, without the first hour's."""
    walkthrough = json.loads((ROOT / "notebooks" / "walkthrough.ipynb").read_text(encoding="utf-8"))
    prose = "\n".join("".join(cell["source"]) for cell in walkthrough["cells"] if cell["cell_type"] == "markdown")
    sample = load_parameters(ROOT / "parameters" / "sample")
    sheets = "".join(render_sheet(sample, name, registrar=None) for name in sample.clients)
    found = commands_of_text(PAGES) | commands_of_text(prose)
    on_sheets = {
        re.sub(rf"\b({'|'.join(sample.clients)})\b", "CLIENT", one)
        for one in re.findall(r"python -m dialtone_nb [^<]+", sheets)
    }
    return sorted((found | on_sheets) - set(HOUR))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout with this environment's set-up."""
    folder = tmp_path_factory.mktemp("clone") / "dialtone"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
            os.utime(folder / name, (0, 0))  # older than the set-up, which then is good for it
    (folder / ".venv").symlink_to(sys.prefix)
    modules = "dialtone_nb/service/node_modules"
    (folder / modules).mkdir()
    for package in (ROOT / modules).iterdir():
        (folder / modules / package.name).symlink_to(package)
    assert (folder / ".venv" / ".ready").exists()
    return folder


def fresh(clone: Path) -> dict[str, str]:
    """The environment of a new shell without any settings."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(clone.parent), "BROWSER": "true", "LAB": "--no-browser --port=0"}


def run(clone: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a new shell with the set-up activated and without a terminal."""
    script = f"{ACTIVATE}\n{command}\n"
    return subprocess.run(
        ["sh", "-c", script],
        cwd=clone,
        env=fresh(clone),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_the_first_hour_takes_at_most_twenty_commands() -> None:
    """From the rehearsal to an approved promote; every shell activates the set-up."""
    assert 10 <= len(HOUR) <= 20
    assert HOUR[0] == "make rehearse"
    assert ACTIVATE in HOUR
    for wanted in ("new-network", "run deploy", "run client_setup", "run test_calls", "run call_report", "run promote"):
        assert any(wanted in command for command in HOUR)


# What a plan without consent ends with.
PLANS = {"python -m dialtone_nb run deploy": 2}


@pytest.mark.parametrize("command", [one for one in HOUR if one != ACTIVATE])
def test_the_first_hour_works_as_it_is_written(clone: Path, command: str) -> None:
    """Each command in a new shell, one after the other, in one checkout.

    As the main job takes long, tests/cli/test_rehearse.py runs it, and here make only prints its commands.
    """
    done = run(clone, command.replace("make ", "make -n "))
    assert done.returncode == PLANS.get(command, 0), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    if "promote.txt)" in command:
        assert "all done" in done.stdout or "changes done" in done.stdout


@pytest.fixture(scope="module")
def walked(clone: Path) -> Path:
    """The checkout with an own network and a phone set up, even if the first hour's tests did not run."""
    if not (clone / "parameters" / "network.yaml").exists():
        for command in HOUR:
            if re.search(r"new-network|--consent", command):
                assert run(clone, command).returncode == 0
    return clone


@pytest.fixture(scope="module")
def rehearsal(clone: Path) -> Iterator[int]:
    """The port of a rehearsal with a phone called lobby, for commands that need one."""
    port = free_port()
    command = f"{ACTIVATE}\nexec python -m dialtone_nb rehearsal --port {port} --state {clone.parent}/other.db"
    process = started(clone, command, SERVES["dialtone_nb rehearsal"])
    assert process
    yield port
    stop(process)


def free_port() -> int:
    """A free port."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(clone: Path, script: str, ready: str) -> subprocess.Popen[str] | None:
    """A process in a new shell, once it reports that it is ready; None if it ended as something is missing."""
    process = subprocess.Popen(
        ["sh", "-c", script],
        cwd=clone,
        env=fresh(clone),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(STARTS_WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    said = []
    assert process.stdout
    for line in process.stdout:
        said.append(line)
        if re.search(ready, line):
            watchdog.cancel()
            return process
    watchdog.cancel()
    # It ended instead: at once, and with a line for what it lacks.
    process.stdout.close()
    assert process.wait() == LACKING, "".join(said)
    assert "Traceback" not in "".join(said)
    return None


def stop(process: subprocess.Popen[str]) -> str:
    """Stop a process with SIGINT, twice if needed, and return its further output."""
    os.killpg(process.pid, signal.SIGINT)
    watchdog = threading.Timer(3, os.killpg, (process.pid, signal.SIGTERM))
    watchdog.start()
    rest, _ = process.communicate(timeout=STARTS_WITHIN_S)
    watchdog.cancel()
    return rest


@pytest.mark.parametrize("command", all_commands())
def test_every_command_works_in_a_fresh_shell(walked: Path, rehearsal: int, command: str) -> None:
    """It succeeds, or says in one line what is missing; a server is stopped once it is ready."""
    clone, written = walked, command
    if re.match(rf"make ({'|'.join(DRY)})\b", command) or command.endswith("dialtone_nb rehearse"):
        done = run(clone, command.replace("make ", "make -n ", 1).replace(" rehearse", " rehearse --help"))
        assert done.returncode == 0, done.stderr
        return
    for pattern, meant in PLACEHOLDERS.items():
        written = re.sub(pattern, meant.format(port=free_port(), rehearsal=rehearsal), written)
    serves = next((ready for name, ready in SERVES.items() if name in command), "")
    needs = any(re.search(pattern, command) for pattern in NEEDS)
    if serves:
        process = started(clone, f"{ACTIVATE}\nexec {written}\n", serves)
        assert process or needs
        # JupyterLab that is stopped while it still starts shows where it was.
        assert not process or "Traceback" not in stop(process) or command.startswith("make lab")
        return
    if "2025.tar.xz" in command:
        events = clone / "events.json"
        events.write_text('[{"timestamp": "2025-03-02T10:00:00", "channel": "kiosk", "event": "outgoing-call"}]')
        with tarfile.open(clone / "2025.tar.xz", "w:xz") as archive:
            archive.add(events, "2025/events.json")
    done = run(clone, written)
    said = done.stdout + done.stderr
    assert done.returncode in ((0, 2, LACKING) if needs else (0, 2)), said
    assert "Traceback" not in said
    assert said.strip()
