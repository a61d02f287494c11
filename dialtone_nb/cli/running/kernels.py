"""Kernels that come up while something else is done."""

from __future__ import annotations

import ast
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.paths import jupyter_path
from jupyter_core.utils import run_sync

from dialtone_nb.cli.running.forked_kernels import IMPORT_KERNEL, Forks

# The kernel's remarks (its sockets are local TCP, it was interrupted in order to end) would stand between the lines of
# progress; what goes wrong in a cell is in the executed copy.
KERNEL_ARGUMENTS = ["--log-level=CRITICAL"]
# Kernels end within a tenth of a second, so whoever waits looks often.
LOOK_AGAIN_S = 0.02
PACKAGE = "dialtone_nb"
# What papermill imports to read notebooks from clouds, and what jsonschema imports to check dates and addresses: most
# of a second; our notebooks are files, and their schema has no such format.
EXTRAS = (
    "boto3",
    "pyarrow",
    "fqdn",
    "isoduration",
    "rfc3339_validator",
    "rfc3986_validator",
    "rfc3987",
    "uri_template",
    "webcolors",
)
# What papermill imports to read notebooks from a web site; it is loaded if that is ever done.
LATE = ("requests",)
# Starts a kernel as ipykernel_launcher does.
LAUNCHER = ["-m", "ipykernel_launcher"]
START = f"{IMPORT_KERNEL}kernelapp.launch_new_instance()"
# Python looks through all objects as it ends, a third of a second; the system takes them back anyway.
END_AT_ONCE = "import atexit, gc; atexit.register(gc.freeze); del atexit, gc"
COLLECT_FROM_NOW = "import gc; gc.freeze(); gc.enable(); del gc"


@contextmanager
def private_sockets() -> Iterator[dict[str, str]]:
    """Settings of a kernel manager: sockets in a folder of its own, where the system has such; else nothing.

    TCP ports are chosen before they are bound, so of two kernels that start at once one may die of the other's choice;
    and whoever is on this machine can knock at them. /tmp, as a socket's path has room for a hundred bytes only.
    """
    if os.name != "posix":
        yield {}
        return
    # The kernel may be taking away its own as the folder goes.
    with tempfile.TemporaryDirectory(prefix="kernel-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield {"transport": "ipc", "ip": f"{folder}/socket"}


def imports_ahead(notebook: Path) -> str:
    """Python that imports whatever of this package the notebook's cells import, and leaves no name behind."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found = [line for cell in cells if cell["cell_type"] == "code" for line in _own_imports("".join(cell["source"]))]
    return "\n    ".join(["def load():", *(found or ["pass"])]) + "\nload()\ndel load"


def _own_imports(cell: str) -> Iterator[str]:
    try:
        tree = ast.parse(cell)
    except SyntaxError:  # a magic command, such as %time
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
            yield ast.unparse(node)


@contextmanager
def without_extras() -> Iterator[None]:
    """Have papermill imported as where the libraries that our notebooks have no use for are not installed."""
    hidden = [name for name in EXTRAS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # how an import is told that there is no such
    late = _Late()
    sys.meta_path.insert(0, late)
    try:
        yield
    finally:
        sys.meta_path.remove(late)
        for name in hidden:
            del sys.modules[name]


class _Late(MetaPathFinder):
    """Finds modules that are loaded when something of them is first used."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is, if it is one of these."""
        spec = PathFinder.find_spec(name, path, target) if name in LATE else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


class ForkingProvisioner(LocalProvisioner):
    """Forks a kernel instead of starting it; where that fails it is started."""

    forks: Forks

    async def launch_kernel(self, cmd: list[str], **more: Any) -> KernelConnectionInfo:
        """The kernel's sockets and key."""
        try:
            # What is before is Python's own.
            forked = self.forks.fork(cmd[cmd.index("-f") :], more["cwd"], more["env"])
        except (OSError, ValueError):
            return await super().launch_kernel(cmd, **more)
        self.process = forked  # type: ignore[assignment]  # as much of one as is asked for
        self.pid = self.pgid = forked.pid
        self.cwd = more["cwd"]
        return self.connection_info


@contextmanager
def started_kernel(
    project: Path, notebook: Path | None = None, forks: Forks | None = None
) -> Iterator[AsyncKernelManager]:
    """A kernel for one runbook, on its way up while the caller goes on; ended on leaving where no run has ended it.

    What the notebook's cells import the kernel imports as it comes up, while papermill is imported here.
    """
    with private_sockets() as sockets:
        # Only Jupyter's folders are searched: where IPython once had kernels only an import of IPython tells.
        specs = KernelSpecManager(kernel_dirs=jupyter_path("kernels"))
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs, **sockets)
        if manager.kernel_spec and manager.kernel_spec.argv[1:3] == LAUNCHER:
            manager.kernel_spec.argv[1:3] = ["-c", START]
            if forks:
                manager.provisioner = ForkingProvisioner(kernel_spec=manager.kernel_spec, parent=manager)
                manager.provisioner.forks = forks
        # Nobody answers here, even where this very process was started from a notebook in JupyterLab.
        environment = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
        lines = [END_AT_ONCE, *([imports_ahead(notebook)] if notebook else []), COLLECT_FROM_NOW]
        arguments = [*KERNEL_ARGUMENTS, f"--IPKernelApp.exec_lines={lines!r}"]
        run_sync(manager.start_kernel)(cwd=str(project), env=environment, extra_arguments=arguments)
        try:
            yield manager
        finally:
            ask_to_end(manager)
            run_sync(manager.finish_shutdown)(pollinterval=LOOK_AGAIN_S)
            run_sync(manager.cleanup_resources)()


def ask_to_end(manager: AsyncKernelManager) -> None:
    """Have the kernel end, if it has not ended or been asked to; what it still does then is its own affair."""
    if manager.has_kernel and run_sync(manager.is_alive)():
        run_sync(manager.request_shutdown)()
