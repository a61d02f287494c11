"""Kernels that come up while something else is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

# The kernel's remarks (its sockets are local TCP, it was interrupted in order to end) would stand between the lines of
# progress; what goes wrong in a cell is in the executed copy.
KERNEL_ARGUMENTS = ["--log-level=CRITICAL"]


@contextmanager
def started_kernel(project: Path) -> Iterator[AsyncKernelManager]:
    """A kernel for one runbook, on its way up while the caller goes on; ended on leaving where no run has ended it."""
    manager = AsyncKernelManager(kernel_name="python3")
    # Nobody answers here, even where this very process was started from a notebook in JupyterLab.
    environment = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    run_sync(manager.start_kernel)(cwd=str(project), env=environment, extra_arguments=KERNEL_ARGUMENTS)
    try:
        yield manager
    finally:
        if manager.has_kernel and run_sync(manager.is_alive)():
            run_sync(manager.shutdown_kernel)()
