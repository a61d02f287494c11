"""The monitor's opening: one look where nobody watches, and parameters that make no sense are refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialtone_nb.account.account import Account
from dialtone_nb.calls.now import Snapshot
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Parameters
from dialtone_nb.runbooks.monitor import watch
from dialtone_nb.runbooks.opening import ParameterValues


def runbook(account: Account | None, declared: Parameters | None, *, attended: bool = False, **given: int) -> Any:
    """An open runbook, as far as the monitor looks at it."""
    parameters = ParameterValues({"minutes": 60, "every": 10, "show_numbers": False, **given})
    return SimpleNamespace(
        project=Path(), account=account, declared=declared, parameters=parameters, environment="prod", attended=attended
    )


def test_unattended_it_is_one_look(account: Account, parameters: Parameters) -> None:
    """The look is data, which papermill and nbval see as text and tables."""
    looked = watch(runbook(account, parameters))
    assert isinstance(looked, Snapshot)
    assert looked.environment == "prod"
    assert looked.at == account.now()


def test_whoever_watches_gets_a_view_that_is_not_asked_before_it_is_shown() -> None:
    """Opening the view asks the account nothing."""
    view = watch(runbook(None, None, attended=True))
    assert isinstance(view, LiveView)
    assert not view.is_running


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"minutes": 0}, "parameter minutes: is 0; write 1 to 1440"),
        ({"minutes": 1441}, "which is a day"),
        ({"every": 0}, "parameter every: is 0; write how many seconds"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    """One line with the parameter and its repair, before anything is asked."""
    with pytest.raises(InputError, match=said):
        watch(runbook(None, None, **given))
