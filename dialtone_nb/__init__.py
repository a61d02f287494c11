"""What runbooks import from this package by name; each is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialtone_nb.runbooks.client_setup import plan_client_setup, tabulate_numbers
    from dialtone_nb.runbooks.delete import plan_delete
    from dialtone_nb.runbooks.deploy import plan_deploy
    from dialtone_nb.runbooks.explore import ask_what_if, explore_calls
    from dialtone_nb.runbooks.monitor import watch
    from dialtone_nb.runbooks.phones import overview_phones
    from dialtone_nb.runbooks.probe import plan_probe, run_probe
    from dialtone_nb.runbooks.promote import plan_promote
    from dialtone_nb.runbooks.protect import plan_protect, tabulate_permissions
    from dialtone_nb.runbooks.real_phones import try_real_phone
    from dialtone_nb.runbooks.rotate import plan_rotate
    from dialtone_nb.runbooks.steps.apply import apply_plan, tabulate_records
    from dialtone_nb.runbooks.steps.opening import Runbook, open_runbook
    from dialtone_nb.runbooks.steps.workspace import fetch_existing_things
    from dialtone_nb.runbooks.test_calls import place_test_calls
    from dialtone_nb.runbooks.troubleshoot import diagnose_symptom
    from dialtone_nb.runbooks.verify import verify_environment
    from dialtone_nb.runbooks.watch import look_for_alarms

__all__ = [
    "Runbook",
    "apply_plan",
    "ask_what_if",
    "diagnose_symptom",
    "explore_calls",
    "fetch_existing_things",
    "look_for_alarms",
    "open_runbook",
    "overview_phones",
    "place_test_calls",
    "plan_client_setup",
    "plan_delete",
    "plan_deploy",
    "plan_probe",
    "plan_promote",
    "plan_protect",
    "plan_rotate",
    "run_probe",
    "tabulate_numbers",
    "tabulate_permissions",
    "tabulate_records",
    "try_real_phone",
    "verify_environment",
    "watch",
]

# Where each name lives. Importing the package loads none of them, so that `import dialtone_nb.values.sids` stays cheap.
_HOMES = {
    "Runbook": "dialtone_nb.runbooks.steps.opening",
    "apply_plan": "dialtone_nb.runbooks.steps.apply",
    "ask_what_if": "dialtone_nb.runbooks.explore",
    "diagnose_symptom": "dialtone_nb.runbooks.troubleshoot",
    "explore_calls": "dialtone_nb.runbooks.explore",
    "fetch_existing_things": "dialtone_nb.runbooks.steps.workspace",
    "look_for_alarms": "dialtone_nb.runbooks.watch",
    "open_runbook": "dialtone_nb.runbooks.steps.opening",
    "overview_phones": "dialtone_nb.runbooks.phones",
    "place_test_calls": "dialtone_nb.runbooks.test_calls",
    "plan_client_setup": "dialtone_nb.runbooks.client_setup",
    "plan_delete": "dialtone_nb.runbooks.delete",
    "plan_deploy": "dialtone_nb.runbooks.deploy",
    "plan_probe": "dialtone_nb.runbooks.probe",
    "plan_promote": "dialtone_nb.runbooks.promote",
    "plan_protect": "dialtone_nb.runbooks.protect",
    "plan_rotate": "dialtone_nb.runbooks.rotate",
    "run_probe": "dialtone_nb.runbooks.probe",
    "tabulate_numbers": "dialtone_nb.runbooks.client_setup",
    "tabulate_permissions": "dialtone_nb.runbooks.protect",
    "tabulate_records": "dialtone_nb.runbooks.steps.apply",
    "try_real_phone": "dialtone_nb.runbooks.real_phones",
    "verify_environment": "dialtone_nb.runbooks.verify",
    "watch": "dialtone_nb.runbooks.monitor",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
