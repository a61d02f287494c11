"""On the path of a struck runbook's kernel: kills it, as a machine that dies would, at the API call that is named."""

import os
import signal
import sys
from typing import Any

CALL = int(os.environ.get("DIALTONE_KILLED_AT_CALL", "0"))


def strike() -> None:
    """Nothing; from now on requests to Twilio's hosts are counted."""
    from dialtone_nb.transport import Transport

    send, counted = Transport.send, [0]

    def counting(self: Transport, method: str, url: str, **options: Any) -> Any:
        counted[0] += ".twilio.com/" in url
        if counted[0] == CALL:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(self, method, url, **options)

    Transport.send = counting  # type: ignore[method-assign]


if CALL and any("ipykernel" in word for word in sys.orig_argv):
    strike()
