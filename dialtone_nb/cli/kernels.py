"""Kernels that come up while something else is done."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

# The kernel's remarks (its sockets are local TCP, it was interrupted in order to end) would stand between the lines of
# progress; what goes wrong in a cell is in the executed copy.
KERNEL_ARGUMENTS = ["--log-level=CRITICAL"]


def private_sockets() -> dict[str, str]:
    """Settings of a kernel manager: sockets in a folder of its own, where the system has such; else nothing.

    TCP ports are chosen before they are bound, so of two kernels that start at once one may die of the other's choice;
    and whoever is on this machine can knock at them. /tmp, as a socket's path has room for a hundred bytes only.
    """
    if os.name != "posix":
        return {}
    folder = tempfile.mkdtemp(prefix="kernel-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"transport": "ipc", "ip": f"{folder}/socket"}


@contextmanager
def started_kernel(project: Path) -> Iterator[AsyncKernelManager]:
    """A kernel for one runbook, on its way up while the caller goes on; ended on leaving where no run has ended it."""
    manager = AsyncKernelManager(kernel_name="python3", **private_sockets())
    # Nobody answers here, even where this very process was started from a notebook in JupyterLab.
    environment = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    run_sync(manager.start_kernel)(cwd=str(project), env=environment, extra_arguments=KERNEL_ARGUMENTS)
    try:
        yield manager
    finally:
        if manager.has_kernel and run_sync(manager.is_alive)():
            run_sync(manager.shutdown_kernel)()
