"""Loaded by a runbook's kernel to cause a fault at certain requests, or to kill the kernel."""

import json
import os
import re
import signal
import sys
from typing import Any
from urllib.parse import urlsplit

# As JSON: a fault by the rehearsal's name, or "kill"; method and path (a pattern) of the requests; how often.
STRUCK = "DIALTONE_STRUCK"
KILL = "kill"


def strike(fault: str, method: str, path: str, times: int) -> None:
    """Cause the fault at the first matching requests, or kill the kernel before the first."""
    from dialtone_nb.account.account import CONTROL
    from dialtone_nb.account.transport import Transport

    send, asked = Transport.send, list[str]()

    def struck(self: Transport, wanted: str, url: str, **options: Any) -> Any:
        if fault == KILL and wanted == method and re.search(path, urlsplit(url).path):
            os.kill(os.getpid(), signal.SIGKILL)
        if fault != KILL and not asked:
            asked.append(fault)
            match = {"method": method, "path": path}
            send(self, "POST", f"{CONTROL}/faults", json={"fault": fault, "match": match, "times": times})
            if fault.startswith("timeout"):
                self.timeouts = (1, 1)
        return send(self, wanted, url, **options)

    Transport.send = struck  # type: ignore[assignment, method-assign]


if os.environ.get(STRUCK) and any("ipykernel" in word for word in sys.orig_argv):
    strike(**json.loads(os.environ[STRUCK]))
