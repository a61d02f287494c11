"""Whole runbooks that are interrupted, run from a terminal and then run again as users would."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from dialtone_nb.cli.find_secrets import Secret, files_in, find_secrets, known_secrets
from dialtone_nb.rehearsal.state.store import Store
from tests.faults.accounts import OPERATOR, TRUNK_PASSWORD, make_account
from tests.faults.states import read_state
from tests.faults.strikes import FOREVER
from tests.faults.tables import as_table
from tests.infrastructure.desk import ROOT, VAN, WORKBENCH

AT_ONCE = 2
# A runbook is run again so often at most; a claim that is to be broken takes a run of its own.
RUNS = 3
SEED = 7  # what a rehearsal has where nobody says another
HOLDER = re.compile("set break_claim to '([^']+)'")
# What is a pattern's in a path, and no part of it.
PATTERNS = r"\[.*?\]\+|\$"
Given = Mapping[str, str]


@dataclass(frozen=True)
class Break:
    """A runbook with its parameters, the fault, the requests that it affects, and the exit code that results."""

    title: str
    runbook: str
    given: Given
    account: str
    fault: str
    method: str
    path: str
    ends: int
    times: int = 1
    # A file of parameters, what is changed in it, and to what.
    edit: tuple[str, str, str] | None = None
    # What is given instead when it is run again.
    again: Given | None = None
    # The exit code in the end, without consent: 2 where the same runbook has a way back to offer.
    left: int = 0

    @property
    def struck(self) -> str:
        """The fault, as an argument for the affected kernel."""
        return json.dumps({"fault": self.fault, "method": self.method, "path": self.path, "times": self.times})


@dataclass(frozen=True)
class Verdict:
    """What the user saw: exit codes and messages; duplicated resources, and secrets left behind."""

    case: Break
    codes: tuple[int, ...]
    said: tuple[str, ...]
    twice: tuple[str, ...]
    files: int
    secrets: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether it was interrupted as planned, succeeded in the end, and left nothing it should not."""
        ended = (self.codes[0], *self.codes[-2:]) == (self.case.ends, 0, self.case.left)
        return ended and not self.twice and not self.secrets


KILLED, OVER, PARTLY, WAY_BACK = 1, 0, 4, 2
VAN_SET_UP = {"client": "van", "buy_number": VAN}
ROTATE = {"action": "rotate"}
WORKBENCH_DELETED = {"what": "client", "client": "workbench", "release_numbers": WORKBENCH}
SHORTER_CALLS = ("network.yaml", "call_time_limit_s: 3600", "call_time_limit_s: 1800")
MAPPINGS, DEPLOYMENTS, CREDENTIAL = "/Registrations/CredentialListMappings", "/Deployments$", "/Credentials/CR"
PHONE = "stage and a phone"
CASES = (
    Break("deploy, first", "deploy", {}, "empty", "kill", "POST", MAPPINGS, KILLED),
    Break("promote, first", "promote", {}, PHONE, "503-html", "POST", DEPLOYMENTS, PARTLY, FOREVER),
    Break("deploy, edited", "deploy", {}, "network", "timeout-after", "POST", "/Builds$", OVER, edit=SHORTER_CALLS),
    Break("deploy, edited", "deploy", {}, "network", "500", "POST", "/Versions$", PARTLY, FOREVER, edit=SHORTER_CALLS),
    Break("promote", "promote", {}, "stage ahead of prod", "kill", "POST", DEPLOYMENTS, KILLED),
    Break(
        "roll back",
        "promote",
        {"build": "previous"},
        "promoted twice",
        "reset-after",
        "POST",
        DEPLOYMENTS,
        OVER,
        left=WAY_BACK,
    ),
    Break("phone, set up", "client_setup", VAN_SET_UP, PHONE, "timeout-after", "POST", "/IncomingPhoneNumbers", OVER),
    Break("phone, set up", "client_setup", VAN_SET_UP, PHONE, "401", "POST", "/Credentials.json$", PARTLY, FOREVER),
    Break("phone, set up", "client_setup", VAN_SET_UP, PHONE, "kill", "POST", "/Credentials.json$", KILLED),
    Break("phone, new password", "client_setup", ROTATE, PHONE, "kill", "POST", CREDENTIAL, KILLED, again={}),
    Break("phone, new password", "client_setup", ROTATE, PHONE, "500", "POST", CREDENTIAL, PARTLY, FOREVER, again={}),
    Break("phone, suspend", "client_setup", {"action": "suspend"}, "network", "kill", "DELETE", CREDENTIAL, KILLED),
    Break("delete a phone", "delete", WORKBENCH_DELETED, "network", "401", "DELETE", "/PN", PARTLY, FOREVER),
    Break("delete prod", "delete", {"environment": "prod"}, "network", "kill", "DELETE", "/SIP/Domains/SD", KILLED),
    Break(
        "delete the service",
        "delete",
        {"what": "service"},
        "stage and two phones",
        "reset-after",
        "DELETE",
        "/Services/ZS[0-9a-f]+$",
        OVER,
    ),
)


@dataclass
class User:
    """Somebody at a terminal, with a project and a rehearsed account in this folder; all output is kept."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def run(self, runbook: str, given: Given, consent: str = "rehearsal", struck: str = "") -> int:
        """Run a runbook and return its exit code."""
        paths = (str(Path(__file__).parent / "struck_kernels"), os.environ.get("PYTHONPATH", ""))
        environment = os.environ | {
            "DIALTONE_REHEARSAL_STATE": str(self.folder / "state.db"),
            "DIALTONE_OPERATOR": OPERATOR,
            "DIALTONE_PARAMETERS": "parameters",
            "DIALTONE_STRUCK": struck,
            "TRUNK_PASSWORD": TRUNK_PASSWORD,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        options = [word for name, value in given.items() for word in ("-r", name, value)]
        command = [sys.executable, "-m", "dialtone_nb", "run", runbook, *options]
        ended = subprocess.run(
            [*command, "--consent", consent] if consent else command,
            cwd=self.folder / "project",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(f"exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        return ended.returncode

    def secrets(self) -> tuple[int, list[str]]:
        """The number of files that might be shared, and each secret in any of them or in the output."""
        project = self.folder / "project"
        (project / "reports" / "terminal.txt").write_text("\n".join(self.said))
        store = Store(self.folder / "state.db", SEED)
        token = Secret("the rehearsal's auth token", store.identity.auth_token)
        store.close()
        known = [*known_secrets(self.folder, {"TRUNK_PASSWORD": TRUNK_PASSWORD}), token]
        files = list(files_in(project))
        return len(files), [str(one) for one in find_secrets(files, known)]


def break_off(case: Break, folder: Path) -> Verdict:
    """Run a case in an empty folder: interrupt it, run it again until it is done, and check the result."""
    make_account(folder, case.account)
    user, project = User(folder), folder / "project"
    shutil.copytree(ROOT / "notebooks", project / "notebooks", dirs_exist_ok=True)
    if case.edit:
        file = project / "parameters" / case.edit[0]
        before = file.read_text(encoding="utf-8")
        assert case.edit[1] in before
        file.write_text(before.replace(*case.edit[1:]), encoding="utf-8")
    codes = [user.run(case.runbook, case.given, struck=case.struck)]
    _, leaked = user.secrets()
    given = case.given if case.again is None else case.again
    while codes[-1] and len(codes) <= RUNS:
        holder = HOLDER.search(user.said[-1])
        codes.append(user.run(case.runbook, {**given, **({"break_claim": holder[1]} if holder else {})}))
    codes.append(user.run(case.runbook, given, consent=""))
    files, more = user.secrets()
    twice = [name for name, count in read_state(folder).names.items() if count > 1 and "/manifest" not in name]
    return Verdict(case, tuple(codes), tuple(user.said), tuple(twice), files, tuple(dict.fromkeys([*leaked, *more])))


def break_all_off(cases: Sequence[Break]) -> list[Verdict]:
    """Run each case, two at a time, in separate processes, whose variables name their account."""
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_break_off_somewhere, cases))


def _break_off_somewhere(case: Break) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="whole-notebook-") as name:
        return break_off(case, Path(name) / "account")


def table_of_breaks(verdicts: Sequence[Verdict]) -> str:
    """A row a case: the fault, what its user saw, and the secrets and duplicates searched for."""
    heads = ["runbook", "struck by", "at", "exit codes in turn", "twice", "files searched", "secrets found"]
    rows = [
        [
            one.case.title,
            one.case.fault + (" from then on" if one.case.times == FOREVER else ""),
            f"`{one.case.method} …{re.sub(PATTERNS, '', one.case.path)}`",
            ", ".join(map(str, one.codes)),
            len(one.twice),
            one.files,
            len(one.secrets),
        ]
        for one in verdicts
    ]
    return as_table(heads, rows)
