"""Cells that a test runs in a kernel."""

from __future__ import annotations

from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync


def printed(manager: AsyncKernelManager, cell: str, *, interrupted: bool = False) -> str:
    """What a cell prints, and the name of its error; it is interrupted once it has printed something."""
    lines: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        lines.append(message["content"].get("text") or message["content"].get("ename") or "")
        if interrupted and message["msg_type"] == "stream":
            run_sync(manager.interrupt_kernel)()

    client = manager.client()
    client.start_channels()
    try:
        run_sync(client.wait_for_ready)(timeout=120)
        run_sync(client.execute_interactive)(cell, output_hook=hear, timeout=120)
    finally:
        client.stop_channels()
    return "".join(lines)
