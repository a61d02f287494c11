"""The start of the monitor: a single view if unattended, and wrong parameters are rejected."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialtone_nb.account.account import CONTROL, Account
from dialtone_nb.calls.now import Snapshot
from dialtone_nb.display.telephony.call_story import Exploration
from dialtone_nb.display.widgets.live import LiveView
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Parameters
from dialtone_nb.runbooks.explore import explore_calls
from dialtone_nb.runbooks.monitor import watch
from dialtone_nb.runbooks.steps.opening import ParameterValues
from tests.calls.conftest import OUR_NUMBER


def runbook(account: Account | None, declared: Parameters | None, *, attended: bool = False, **given: Any) -> Any:
    """An open runbook with what the monitor uses."""
    parameters = ParameterValues({"minutes": 60, "every": 10, "show_numbers": False, "call": "", **given})
    return SimpleNamespace(
        project=Path(), account=account, declared=declared, parameters=parameters, environment="prod", attended=attended
    )


def test_unattended_it_is_one_look(account: Account, parameters: Parameters) -> None:
    """The view is plain data, which papermill and nbval show as text and tables."""
    looked = watch(runbook(account, parameters))
    assert isinstance(looked, Snapshot)
    assert looked.environment == "prod"
    assert looked.at == account.now()


def test_whoever_watches_gets_a_view_that_is_not_asked_before_it_is_shown() -> None:
    """Opening the live view sends no request before it is displayed."""
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
    """The error names the parameter and the repair, and comes before any request."""
    with pytest.raises(InputError, match=said):
        watch(runbook(None, None, **given))


def test_explore_takes_the_end_of_a_sid_as_the_monitor_shows_it(account: Account, parameters: Parameters) -> None:
    """It must match one call; other text is rejected before any request."""
    call = {"from": "+15035550199", "to": OUR_NUMBER}
    assert account.transport.send("POST", f"{CONTROL}/calls", json=call).ok
    looked = watch(runbook(account, parameters))
    assert isinstance(looked, Snapshot)
    sid = looked.attempts["call_sid"].iloc[0]
    told = explore_calls(runbook(account, parameters, call=sid[-6:]))
    assert isinstance(told, Exploration)
    assert told.story is not None
    assert told.story.call_sid == sid
    with pytest.raises(InputError, match="no calls of the last 60 minutes end in 000000f"):
        explore_calls(runbook(account, parameters, call="000000f"))
    with pytest.raises(InputError, match="write a call's SID"):
        explore_calls(runbook(None, None, call="xyz"))
