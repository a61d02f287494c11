"""A rehearsed account in which nothing exists yet, for whatever is started meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dialtone_nb.files.owner_only import make_folder

STATE_VARIABLE = "DIALTONE_REHEARSAL_STATE"
# Which Twilio is rehearsed, recorded or documented.
TWILIO_VARIABLE = "DIALTONE_REHEARSAL_TWILIO"


@contextmanager
def fresh_account(folder: Path) -> Iterator[Path]:
    """The state file of a fresh account in `folder`, named in the environment that kernels inherit until leaving."""
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    state = folder / "state.db"
    with changed_environment({STATE_VARIABLE: str(state)}):
        yield state


@contextmanager
def changed_environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """This process's environment with these variables set, or unset for None, until leaving."""
    before = {name: os.environ.get(name) for name in changes}
    _change(changes)
    try:
        yield
    finally:
        _change(before)


def _change(changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
