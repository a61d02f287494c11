"""The runbook troubleshoot: its errors, its reading of calls and alerts, and its question in JupyterLab."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialtone_nb.account.account import open_account
from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.display.widgets.question_box import QuestionBox
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.runbooks.steps.opening import ParameterValues, Runbook
from dialtone_nb.runbooks.troubleshoot import diagnose_symptom
from dialtone_nb.verify.checks import Check, CheckState
from dialtone_nb.verify.diagnosis import Diagnosis
from dialtone_nb.verify.phone_evidence import PhoneSigns, phone_evidence, wait_evidence

PARAMETERS = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
EMERGENCY, OTHER = "dialtone-example-stage.sip.twilio.com", "dialtone-example-nonemergency-stage.sip.twilio.com"


def opened(folder: Path, *, attended: bool = False, **given: str) -> Runbook:
    """An opened troubleshoot on a new rehearsal, with what it uses."""
    return cast(
        Runbook,
        SimpleNamespace(
            name="troubleshoot",
            account=open_account("rehearsal", folder),
            account_kind="rehearsal",
            parameters=ParameterValues({"number": "", "answer": "", **given}),
            declared=PARAMETERS,
            environment="stage",
            is_protected=False,
            project=folder,
            attended=attended,
        ),
    )


@pytest.fixture(autouse=True)
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a separate state file."""
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))


def test_every_fault_is_told_at_once_and_nothing_is_asked_of_the_account(tmp_path: Path) -> None:
    """An unknown symptom and a phone of another environment are reported together, before any request."""
    with pytest.raises(InputError) as caught:
        diagnose_symptom(opened(tmp_path, symptom="it smokes", client="lobby"))
    assert [line.partition(";")[0] for line in caught.value.lines()] == [
        "parameter symptom: 'it smokes' is not a symptom",
        "parameter client of troubleshoot: 'lobby' is not a phone of stage in clients.yaml",
    ]


def test_an_empty_account_has_a_conclusion(tmp_path: Path) -> None:
    """The cause is that nothing was deployed, not only that the domain is missing."""
    found = diagnose_symptom(opened(tmp_path, symptom="no dial tone", client="van"))
    assert isinstance(found, Diagnosis)
    assert found.cause == "not-set-up"
    assert found.commands == (
        "python -m dialtone_nb run client_setup -r environment stage -r client van -r buy_number +15035550102",
    )


def test_in_jupyterlab_a_button_answers_the_question(tmp_path: Path) -> None:
    """The conclusion is shown under the buttons, without another request."""
    box = diagnose_symptom(opened(tmp_path, attended=True, symptom="a token leaked", client="van"))
    assert isinstance(box, QuestionBox)
    row, shown = box.widget().children
    assert [button.description for button in row.children][:2] == ["auth token", "API key"]
    row.children[2].click()
    assert "The password of van leaked" in shown.value
    assert "-r action rotate" in shown.value


def test_what_needs_no_answer_is_shown_as_it_is_in_jupyterlab_too(tmp_path: Path) -> None:
    """A conclusion has no buttons."""
    assert isinstance(
        diagnose_symptom(opened(tmp_path, attended=True, symptom="no dial tone", client="van")), Diagnosis
    )


def checks_of(name: str, signs: PhoneSigns) -> dict[str, Check]:
    """The checks of a phone of stage, by name without the phone's."""
    found = (one for one in phone_evidence(signs, PARAMETERS, "stage") if name in one.name.split())
    return {one.name.replace(f" of {name}", "").replace(f" {name}", ""): one for one in found}


def attempts(*rows: tuple[float, str, str, str, str]) -> Any:
    """Attempts of the workbench's phone: hours ago, direction, other party, outcome, reason."""
    columns = list(zip(*rows, strict=True))
    return make_frame(
        {
            "call_sid": [f"CA{number:032x}" for number in range(len(rows))],
            "started_at": [NOW - timedelta(hours=hours) for hours in columns[0]],
            "environment": ["stage"] * len(rows),
            "client": ["workbench"] * len(rows),
            "direction": columns[1],
            "other_party": columns[2],
            "outcome": columns[3],
            "reason": [reason or None for reason in columns[4]],
        }
    )


def test_the_last_call_of_a_kind_is_what_counts() -> None:
    """A failure followed by a success does not count; numbers are masked."""
    frame = attempts(
        (5, "outgoing", "+15035550199", "failed", "13224"),
        (4, "outgoing", "menu@pbx.example.org", "failed", "SIP 503"),
        (3, "outgoing", "+15035550199", "answered", ""),
        (2, "outgoing", "911", "answered", ""),
        (1, "incoming", "+12065550142", "unregistered", "32009"),
    )
    found = checks_of("workbench", PhoneSigns(NOW, frame))
    assert {name: check.state for name, check in found.items()} == {
        "last call out": CheckState.GOOD,
        "last call to the trunk": CheckState.WRONG,
        "last emergency call": CheckState.GOOD,
        "last call in to": CheckState.WRONG,
    }
    assert found["last call out"].found == "answered, +1503555••••, 2026-03-02 09:00 UTC"
    assert found["last call to the trunk"].repair == "check the trunk's server, and its limit on calls"


def test_a_phone_that_was_off_and_was_heard_of_since_is_not_off() -> None:
    """A later call or registration of the phone shows that it is on."""
    off = (2, "incoming", "+12065550142", "unregistered", "32009")
    silent = PhoneSigns(NOW, attempts(off))
    called = PhoneSigns(NOW, attempts(off, (1, "outgoing", "+15035550199", "answered", "")))
    registered = PhoneSigns(NOW, attempts(off), registered={"workbench": [EMERGENCY]})
    states = [checks_of("workbench", signs)["last call in to"].state for signs in (silent, called, registered)]
    assert states == [CheckState.WRONG, CheckState.UNKNOWN, CheckState.UNKNOWN]


def alert(code: str, text: str, hours: float) -> dict[str, str]:
    """An alert, as Twilio lists it."""
    at = f"{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    return {"error_code": code, "alert_text": f"Msg={text}", "date_generated": at}


@pytest.mark.parametrize(
    ("text", "hours", "is_told"),
    [
        ("Registration+of+workbench+refused", 1, True),
        ("Registration+of+workbench+refused", 3, False),  # it has called since
        ("Registration+of+van+refused", 1, False),
        ("Refused+at+workbench.sip.twilio.com", 1, False),
    ],
)
def test_a_refusal_counts_for_the_phone_that_it_names_until_that_is_heard_of(
    text: str, hours: float, is_told: bool
) -> None:
    """Until it is heard of again; not for other phones, and not for one whose name is part of a host name."""
    frame = attempts((2, "outgoing", "+15035550199", "answered", ""))
    found = checks_of("workbench", PhoneSigns(NOW, frame, [alert("32212", text, hours)]))
    assert ("refusals" in found) is is_told


def test_a_refusal_that_names_nobody_is_told_for_a_day() -> None:
    """It is no certain phone's."""
    for hours, told in ((1, ["refusals that name no phone"]), (30, [])):
        signs = PhoneSigns(NOW, make_frame({}), [alert("32202", "bad+user+credentials", hours)])
        assert [one.name for one in phone_evidence(signs, PARAMETERS, "stage")] == told


def test_a_phone_at_another_domain_is_told_by_its_registration_or_else_by_its_calls() -> None:
    """A registration at the right domain counts more than an old call."""
    none = make_frame({})
    by_call = checks_of("workbench", PhoneSigns(NOW, none, called_through={"workbench": OTHER}))
    assert by_call["SIP domain that uses"].found == f"calls through {OTHER}, not {EMERGENCY}"
    there = PhoneSigns(NOW, none, registered={"workbench": [EMERGENCY]}, called_through={"workbench": OTHER})
    assert set(checks_of("workbench", there)) == {"registration"}


def test_a_new_country_is_told_once_it_is_called_again_and_again() -> None:
    """A country called on earlier days is not new, and a single call does not count."""
    rows = [(hours, "outgoing", "+525555550199", "answered", "") for hours in (3, 2, 1)]
    assert "new countries" not in checks_of("workbench", PhoneSigns(NOW, attempts(*rows[:2])))
    assert checks_of("workbench", PhoneSigns(NOW, attempts(*rows)))["new countries"].found == "MX 3 times in a day"
    before = (40, "outgoing", "+525555550199", "answered", "")
    assert "new countries" not in checks_of("workbench", PhoneSigns(NOW, attempts(before, *rows)))


@pytest.mark.parametrize(("waits", "state"), [([900, 4000, 100], "good"), ([900, 2600, 4000], "wrong")])
def test_one_cold_start_is_no_slow_service(waits: list[int], state: str) -> None:
    """The median decides."""
    (check,) = wait_evidence("workbench", waits)
    assert check.state == state
    assert list(wait_evidence("workbench", [])) == []
