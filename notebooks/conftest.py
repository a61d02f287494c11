"""nbval: before a notebook's kernel starts, its account is prepared, as it was when the notebook was kept.

A worker's kernels are forked off one process, as those of `make rehearse` are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from jupyter_client.manager import KernelManager
from nbval.plugin import IPyNbFile

from dialtone_nb.cli.keep_notebooks import prepared_account
from dialtone_nb.cli.running.forked_kernels import IMPORT_RUNBOOKS, Forks, forking
from dialtone_nb.cli.running.kernels import COLLECT_FROM_NOW, END_AT_ONCE, ForkingProvisioner, private_sockets

PROJECT = Path(__file__).resolve().parent.parent
FORKS = pytest.StashKey[Forks | None]()
IN_ADDITION = [f"--IPKernelApp.exec_lines={[END_AT_ONCE, COLLECT_FROM_NOW]!r}"]


class ForkedKernelManager(KernelManager):
    """A kernel that is forked where that can be done."""

    def __init__(self, forks: Forks | None, **options: Any) -> None:
        super().__init__(**options)
        if forks:
            self.provisioner = ForkingProvisioner(kernel_spec=self.kernel_spec, parent=self)
            self.provisioner.forks = forks

    def start_kernel(self, **options: Any) -> None:
        """Start it; what it imported before is not looked through for garbage."""
        super().start_kernel(extra_arguments=IN_ADDITION if self.provisioner else [], **options)


def forks_of(config: pytest.Config) -> Forks | None:
    """The process of this worker to fork kernels off, which starts with its first notebook."""
    if FORKS not in config.stash:
        process = ExitStack()
        config.stash[FORKS] = process.enter_context(forking(IMPORT_RUNBOOKS))
        config.add_cleanup(process.close)
    return config.stash[FORKS]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Prepare the account where this is the first cell of a notebook: pytest starts the kernel inside the `yield`."""
    notebook = item.getparent(IPyNbFile)
    if notebook is None or notebook.kernel is not None:
        return (yield)
    last = ExitStack()
    item.config.add_cleanup(last.close)
    folder = last.enter_context(tempfile.TemporaryDirectory())
    manager = partial(ForkedKernelManager, forks_of(item.config), **last.enter_context(private_sockets()))
    account = prepared_account(PROJECT, notebook.path.stem, Path(folder) / "account")
    with account, patch("nbval.kernel.KernelManager", manager):
        return (yield)
