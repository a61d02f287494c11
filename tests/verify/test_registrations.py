"""Phones' logged registrations in checks and in the monitor."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialtone_nb.calls.now import Snapshot
from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.registrations.intervals import Known, PhoneKnown
from dialtone_nb.phones.registrations.lines import RegistrationState
from dialtone_nb.phones.registrations.store import Registration, keep_registrations
from dialtone_nb.runbooks.monitor import watch
from dialtone_nb.runbooks.steps.opening import ParameterValues
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.verify.registrations import phones_known, registration_checks
from tests.verify.conftest import ROOT

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def compared(*clients: str, credentials: tuple[str, ...] = ("lobby",)) -> Any:
    """An environment with these phones, of which some have a credential."""
    return SimpleNamespace(
        environment="stage",
        parameters=SimpleNamespace(clients_in=lambda environment: dict.fromkeys(clients)),
        find=lambda kind, name: object() if name in credentials else None,
    )


@pytest.mark.parametrize(
    ("phone", "state"),
    [
        (PhoneKnown("lobby", Known.ON, NOW), "good"),
        (PhoneKnown("lobby", Known.ON, NOW, changes=6), "unknown"),
        (PhoneKnown("lobby", Known.NOT, NOW), "unknown"),
        (PhoneKnown("lobby", Known.OFF, NOW, 0, NOW, "no answer from the registrar"), "unknown"),
        (PhoneKnown("lobby", Known.OFF, NOW, 0, NOW, "403 user name or password refused"), "wrong"),
        (PhoneKnown("lobby", Known.ON, NOW, 1, NOW, "403 user name or password refused"), "good"),
    ],
)
def test_only_a_wrong_setting_is_wrong(phone: PhoneKnown, state: str) -> None:
    """A phone that is off or flapping is left to people's judgement; a rejected password is wrong."""
    (check,) = registration_checks(compared("lobby", "kitchen"), {"lobby": phone, "stranger": phone})
    assert (check.state, check.subject, check.name) == (state, "Phone lobby", "registration of lobby")
    assert check.found == phone.words
    assert bool(check.repair) == (state != "good")


def test_a_phone_that_was_never_set_up_has_no_check() -> None:
    """Nor has one without log lines."""
    phone = PhoneKnown("kitchen", Known.ON, NOW)
    assert list(registration_checks(compared("lobby", "kitchen"), {"kitchen": phone})) == []


def keep(project: Path, *clients: str) -> None:
    """Save registrations of phones."""
    with keep_registrations(project / "registrations") as tell:
        for client in clients:
            tell(Registration(datetime.now(UTC), client, RegistrationState.REGISTERED, expires_s=600))


def test_what_is_kept_is_known(tmp_path: Path) -> None:
    """For declared phones with log lines; without a folder for none."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    parameters = load_parameters(ROOT / "parameters" / "sample")
    assert phones_known(tmp_path, parameters, now) == {}
    keep(tmp_path, "lobby", "stranger")
    keep(tmp_path / "server", "van")
    known = phones_known(tmp_path, parameters, now)
    assert {name: phone.known for name, phone in known.items()} == {"lobby": Known.ON, "van": Known.ON}


def watched(runbook: Any) -> Snapshot:
    """One view of the monitor, unattended."""
    found = watch(runbook)
    assert isinstance(found, Snapshot)
    return found


def test_verify_and_monitor_show_it_of_a_real_account(
    stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal's own registrar is used there, and saved registrations of real phones are not."""
    site = replace(stage.site, project=tmp_path)
    name = next(iter(site.parameters.clients_in("stage")))
    keep(tmp_path, name)
    runbook: Any = SimpleNamespace(
        project=tmp_path,
        account=site.account,
        declared=site.parameters,
        parameters=ParameterValues({"minutes": 60, "every": 10, "show_numbers": False}),
        environment="stage",
        attended=False,
    )
    title = f"registration of {name}"
    assert "known on" not in repr(watched(runbook).phones)
    assert title not in {check.name for check in verify_site(site).checks}
    monkeypatch.setattr(type(site.account), "is_rehearsal", False)
    (shown,) = [phone for phone in watched(runbook).phones if phone.registration]
    assert (shown.name, shown.registration.partition(" since")[0]) == (name, "known on")
    assert {check.name: check.state for check in verify_site(site).checks}[title] == "good"
