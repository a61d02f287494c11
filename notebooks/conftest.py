"""nbval: before a notebook's kernel starts, its account is prepared, as it was when the notebook was kept."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from jupyter_client.manager import KernelManager
from nbval.plugin import IPyNbFile

from dialtone_nb.cli.keep_notebooks import prepared_account
from dialtone_nb.cli.running.kernels import private_sockets

PROJECT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Prepare the account where this is the first cell of a notebook: pytest starts the kernel inside the `yield`."""
    notebook = item.getparent(IPyNbFile)
    if notebook is None or notebook.kernel is not None:
        return (yield)
    last = ExitStack()
    item.config.add_cleanup(last.close)
    folder = last.enter_context(tempfile.TemporaryDirectory())
    manager = partial(KernelManager, **last.enter_context(private_sockets()))
    account = prepared_account(PROJECT, notebook.path.stem, Path(folder) / "account")
    with account, patch("nbval.kernel.KernelManager", manager):
        return (yield)
