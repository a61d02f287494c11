"""`python -m tests.probe_by_others run deploy`: any command of dialtone_nb, at the Twilio that deviates.

A runbook's kernel starts the rehearsal, so each Python that the command starts learns the deviations as it begins.
"DEVIATE=queue_max_size,extra_header" has these alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = "DEVIATE"
# Python runs it as it starts (site, sitecustomize); the name keeps what is patched from being collected.
AS_PYTHON_STARTS = f"""
import os
from tests.probe_by_others.deviating_twilio import EVERYTHING, deviate
named = os.environ.get({NAMES!r})
deviating = deviate(EVERYTHING if named is None else set(filter(None, named.split(","))))
deviating.__enter__()
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code of the command."""
    with tempfile.TemporaryDirectory(prefix="deviating-") as folder:
        (Path(folder) / "sitecustomize.py").write_text(AS_PYTHON_STARTS, encoding="utf-8")
        paths = (folder, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
        state = {"DIALTONE_REHEARSAL_STATE": str(Path(folder) / "rehearsal" / "state.db")}
        environment = state | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run(
            [sys.executable, "-m", "dialtone_nb", *arguments], env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
