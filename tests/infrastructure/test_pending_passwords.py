"""A password change that was interrupted: the next run repeats it, and no file is ahead of Twilio."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import orjson
import pytest

from dialtone_nb.account.account import CONTROL
from dialtone_nb.phones.passwords import PENDING_FILE
from dialtone_nb.phones.private_files import PASSWORD_FILE, private_folder
from dialtone_nb.rehearsal import Rehearsal
from dialtone_nb.rehearsal.state.domain_access import digest_secret
from tests.infrastructure.desk import VAN, Desk, lines, stage_deployed


@pytest.fixture
def ready(desk: Desk) -> Desk:
    """An account with stage deployed."""
    desk.after(stage_deployed)
    return desk


def has_the_password(desk: Desk, rehearsal: Rehearsal) -> bool:
    """Whether the van's private file has the password that Twilio has."""
    connection = sqlite3.connect(rehearsal.served.store.path)
    (body,) = connection.execute("SELECT body FROM things WHERE kind = 'credential' AND name = 'van'").fetchone()
    connection.close()
    words = (folder(desk) / PASSWORD_FILE).read_text().split()
    return orjson.loads(body)["digest_secret"] in {digest_secret("van", word) for word in words}


def folder(desk: Desk) -> Path:
    """The van's private folder."""
    return private_folder("stage", "van", root=desk.site("stage").private)


@pytest.mark.parametrize("fault", ["500", "504-after"])
def test_rotation_that_broke_off_is_finished_by_the_next_run(ready: Desk, rehearsal: Rehearsal, fault: str) -> None:
    """Whether or not Twilio has the new password, set-up sends it again, and then writes the file."""
    ready.do(ready.set_up("van", buy=VAN))
    assert has_the_password(ready, rehearsal)
    before = (folder(ready) / PASSWORD_FILE).read_text()
    ready.fault(fault, "POST", "/Credentials/CR", times=3)
    assert ready.carry_out(ready.set_up("van", "rotate")).exit_code == 4
    assert (folder(ready) / PASSWORD_FILE).read_text() == before
    assert stat.S_IMODE((folder(ready) / PENDING_FILE).stat().st_mode) == 0o600
    proposal = ready.set_up("van")
    assert lines(proposal.plan) == ["update credential van: password"]
    assert "was interrupted" in proposal.plan.changes[0].why
    ready.do(proposal)
    assert has_the_password(ready, rehearsal)
    assert (folder(ready) / PASSWORD_FILE).read_text() != before
    assert not (folder(ready) / PENDING_FILE).exists()
    assert ready.set_up("van").plan.is_empty


def test_first_password_that_broke_off_is_finished_by_the_next_run(ready: Desk, rehearsal: Rehearsal) -> None:
    """A credential created without an answer gets the password that its run had generated."""
    proposal = ready.set_up("van", buy=VAN)
    ready.fault("reset-after", "POST", r"/Credentials\.json$")
    ready.fault("401", "GET", r"/Credentials\.json$", nth=2)  # the first is the look before anything is written
    assert ready.carry_out(proposal).exit_code == 4
    assert not (folder(ready) / PASSWORD_FILE).exists()
    ready.account.transport.send("DELETE", f"{CONTROL}/faults")
    ready.do(ready.set_up("van"))
    assert has_the_password(ready, rehearsal)
    assert ready.set_up("van").plan.is_empty


def test_password_is_kept_though_another_change_fails(ready: Desk, rehearsal: Rehearsal) -> None:
    """The file is written once Twilio confirms, even if the run stops later."""
    ready.do(ready.set_up("van", buy=VAN))
    proposal = ready.set_up("van", "rotate")
    ready.fault("401", "GET", times=1000)
    with pytest.raises(Exception, match="refused"):
        ready.carry_out(proposal)
    assert has_the_password(ready, rehearsal)
    assert not (folder(ready) / PENDING_FILE).exists()


def test_suspending_forgets_the_pending_password(ready: Desk) -> None:
    """A phone without a credential has no pending password."""
    ready.do(ready.set_up("van", buy=VAN))
    ready.fault("500", "POST", "/Credentials/CR", times=3)
    ready.carry_out(ready.set_up("van", "rotate"))
    ready.do(ready.set_up("van", "suspend"))
    assert not (folder(ready) / PENDING_FILE).exists()
