"""`python -m tests.probe_by_others deviating run deploy`: any command of dialtone_nb, at a Twilio that deviates.

A runbook's kernel starts the rehearsal, so each Python that the command starts learns the deviations as it begins.
`deviating:queue_max_size,extra_header` has these alone, `deviating:` none, and `deviating:functions_fail` an obstacle.
The account is gone with the command, unless DIALTONE_REHEARSAL_STATE says where to keep it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Python runs it as it starts (site, sitecustomize); the name keeps what is patched from being collected.
AS_PYTHON_STARTS = """
from tests.probe_by_others.deviating_twilio import deviate
deviating = deviate({twilio!r}, {names!r})
deviating.__enter__()
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code of the command."""
    (twilio, colon, listed), *command = arguments[0].partition(":"), *arguments[1:]
    names = [name for name in listed.split(",") if name] if colon else None
    with tempfile.TemporaryDirectory(prefix="deviating-") as folder:
        as_python_starts = AS_PYTHON_STARTS.format(twilio=twilio, names=names)
        (Path(folder) / "sitecustomize.py").write_text(as_python_starts, encoding="utf-8")
        paths = (folder, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
        state = {"DIALTONE_REHEARSAL_STATE": str(Path(folder) / "rehearsal" / "state.db")}
        environment = state | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run([sys.executable, "-m", "dialtone_nb", *command], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
