"""What runbooks import from this package by name; each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialtone_nb.runbook import Runbook, open_runbook

__all__ = ["Runbook", "open_runbook"]

# Where each name lives. Importing the package loads none of them, so that `import dialtone_nb.sids` stays cheap.
_HOMES = {
    "Runbook": "dialtone_nb.runbook",
    "open_runbook": "dialtone_nb.runbook",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
