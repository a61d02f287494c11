"""Who runs this, as claims, records and pages name them."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Final

from dialtone_nb.values.printable import printable

LONGEST_HOLDER: Final = 64  # characters: a claim is a variable, whose value has 450 bytes


def holder_name() -> str:
    """Who is asking: user and machine; DIALTONE_OPERATOR where it is set (a CI job's name)."""
    name = os.environ.get("DIALTONE_OPERATOR") or f"{getpass.getuser()}@{socket.gethostname()}"
    return printable(name).strip()[:LONGEST_HOLDER] or "no name"
