"""Deployments are read from the account, kept with an archive, and there again when the account is not asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialtone_nb.account.account import Account
from dialtone_nb.calls.measures.before_after import (
    Deployment,
    fetch_deployments,
    keep_deployments,
    load_deployments,
    load_runbook_deployments,
)
from dialtone_nb.errors import InputError
from dialtone_nb.parameters import Parameters

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
FIRST = Deployment(NOON, "prod", "ZD1", "ZB1")
SECOND = Deployment(NOON + timedelta(days=1), "stage", "ZD2", "ZB2")


def runbook(project: Path, account: Account | None, declared: Parameters | None, **given: str) -> Any:
    """An open runbook, as far as deployments look at it."""
    parameters = SimpleNamespace(**{"source": "twilio", "archive": "", "environment": "", **given})
    return SimpleNamespace(parameters=parameters, account=account, declared=declared, project=project)


def test_the_accounts_deployments_are_found_by_environment(account: Account) -> None:
    """With their moments and builds, oldest first; one that takes the build down says so."""
    (first,) = fetch_deployments(account.client, "dialtone")
    assert (first.environment, first.build_sid[:2]) == ("prod", "ZB")
    assert first.at <= account.now()
    account.wait(3600)
    services = account.client.serverless.v1.services
    service = services(services.list()[0].sid)
    environment = service.environments(service.environments.list()[0].sid)
    environment.deployments.create()
    later = fetch_deployments(account.client, "dialtone")
    assert later[0] == first
    assert later[1].label.endswith(", taken down")
    assert later[1].at - first.at >= timedelta(hours=1)
    account.wait(60)
    environment.deployments.create(build_sid=first.build_sid)
    assert len(fetch_deployments(account.client, "dialtone")) == 3
    assert fetch_deployments(account.client, "another") == ()


def test_an_archive_keeps_what_the_account_has_forgotten(tmp_path: Path) -> None:
    """An environment that was deleted had its deployments; what is known already is not written again."""
    archive = str(tmp_path / "calls")
    assert keep_deployments(archive, [SECOND, FIRST]) == (FIRST, SECOND)
    written = (tmp_path / "calls" / "deployments.json").stat().st_mtime_ns
    assert keep_deployments(archive, [SECOND]) == (FIRST, SECOND)
    assert (tmp_path / "calls" / "deployments.json").stat().st_mtime_ns == written
    assert load_deployments(archive) == (FIRST, SECOND)
    assert [path.name for path in (tmp_path / "calls").iterdir()] == ["deployments.json"]


def test_a_report_on_an_archive_asks_no_account(tmp_path: Path) -> None:
    """What was kept is there, of the environment that is asked for; a file of events knows of none."""
    keep_deployments(str(tmp_path / "calls"), [FIRST, SECOND])
    (tmp_path / "events.jsonl").write_text("")
    assert load_runbook_deployments(runbook(tmp_path, None, None, source="calls")) == (FIRST, SECOND)
    of_stage = runbook(tmp_path, None, None, source="calls", environment="stage")
    assert load_runbook_deployments(of_stage) == (SECOND,)
    assert load_runbook_deployments(runbook(tmp_path, None, None, source="events.jsonl")) == ()


def test_with_an_archive_the_accounts_deployments_are_kept_there(
    account: Account, parameters: Parameters, tmp_path: Path
) -> None:
    """The next report can be made without the account."""
    found = load_runbook_deployments(runbook(tmp_path, account, parameters, archive="calls"))
    assert found == fetch_deployments(account.client, "dialtone")
    assert load_deployments(str(tmp_path / "calls")) == found


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"at": "soon"}]', '[{"at": "2026-03-10T12:00:00Z"}]', "{}x"])
def test_a_damaged_file_is_one_line_with_its_repair(tmp_path: Path, content: str) -> None:
    """And it is left as it is."""
    path = tmp_path / "deployments.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"deployments\.json: holds no deployments; remove it"):
        load_deployments(str(tmp_path))
    with pytest.raises(InputError):
        keep_deployments(str(tmp_path), [FIRST])
    assert path.read_text() == content
