"""The examples for running the server: their steps are executed as far as possible without root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from starlette.routing import Route

from dialtone_nb.cli.arguments import build_parser
from dialtone_nb.server.app import make_app
from tests.packages import link_packages, pins
from tests.server.running_server import LOBBY_CALLS, SECRETS, Caller, settings_for

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dialtone_nb" / "server" / "examples"


def steps(instruction: str) -> list[str]:
    """The arguments of each occurrence of an instruction in the container file."""
    lines = (EXAMPLES / "Containerfile").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"{instruction} ") for line in lines if line.startswith(f"{instruction} ")]


def test_the_container_files_steps_make_a_server_that_answers(tmp_path: Path, folder: Path) -> None:
    """The files and packages that it installs are enough to answer a call."""
    work = tmp_path / "srv"
    work.mkdir()
    for step in steps("COPY"):
        *sources, target = shlex.split(step)
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, work / target, ignore=shutil.ignore_patterns("node_modules"))
            else:
                shutil.copy(ROOT / source, work / target)
    python = work / "venv" / "bin" / "python"
    venv.create(python.parents[1], with_pip=False)
    # What the lock names is here at the same versions, by the same hashes. Pip checks that it fits, and
    # that whatever it needs is in the lock too; looking it all up in the registry would take ten times as long.
    link_packages(pins(EXAMPLES / "requirements.lock"), next(python.parents[1].glob("lib/python*/site-packages")))
    (install,) = (shlex.split(step) for step in steps("RUN") if "pip" in step)
    # This environment's own pip, since a new one need not have any; what is run once need not be compiled.
    command = [sys.executable, *install[1:3], "--python", str(python), "--quiet", *install[3:], "--no-compile"]
    subprocess.run(command, cwd=work, check=True)
    begin = [*json.loads(steps("ENTRYPOINT")[0]), *json.loads(steps("CMD")[0])]
    changed = {"python": str(python), "0.0.0.0": "127.0.0.1", "8080": "0", "stage": "prod"}
    begin = [changed.get(part, part).replace("/var/lib/dialtone", str(folder)) for part in begin]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(begin, cwd=work, env=plain | SECRETS, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            line = server.stdout.readline()
            assert " at http://" in line
            caller = Caller(line.split(" at ", 1)[1].split(",", 1)[0])
            assert caller.ask("/sip-outgoing", LOBBY_CALLS, timeout=60).status_code == 200
        finally:
            server.terminate()
    assert server.returncode == 0


def test_the_unit_starts_a_server_with_options_that_there_are(tmp_path: Path) -> None:
    """systemd-analyze accepts it too, if installed."""
    unit = (EXAMPLES / "dialtone@.service").read_text(encoding="utf-8")
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    filled = start.replace("%i", "stage").replace("${PORT}", "8080").replace("${BASE_URL}", "https://calls.example.org")
    options = build_parser().parse_args(shlex.split(filled)[3:])
    assert (options.command, options.environment, options.port) == ("serve", "stage", 8080)
    if analyze := shutil.which("systemd-analyze"):
        # It looks for the program and the user too, which are not on every machine.
        here = unit.replace("/opt/dialtone/.venv/bin/python", sys.executable).replace("User=dialtone", "User=root")
        (tmp_path / "dialtone@.service").write_text(here, encoding="utf-8")
        command = [analyze, "verify", "--man=no", str(tmp_path / "dialtone@.service")]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert [line for line in checked.stderr.splitlines() if "dialtone" in line] == []


def test_the_proxy_lets_through_what_twilio_asks_and_no_more(folder: Path) -> None:
    """Every path except /metrics."""
    (paths,) = re.findall(r"@answered path (.*)", (EXAMPLES / "Caddyfile").read_text(encoding="utf-8"))
    routes = {route.path for route in make_app(settings_for(folder)).routes if isinstance(route, Route)}
    assert set(paths.split()) == routes - {"/metrics"}
