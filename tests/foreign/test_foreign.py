"""The stand for third-party programs, and the table of results, tested without such a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.foreign import cache
from tests.foreign.__main__ import main
from tests.foreign.programs import PROGRAMS, Program, fill
from tests.foreign.stand import Stand, open_stand

ROOT = Path(__file__).parents[2]


def ask(stand: Stand, url: str) -> requests.Response:
    """The answer to a request through the proxy that trusts only the stand's CA."""
    with requests.Session() as session:
        session.trust_env = False
        proxies = {"https": stand.environment()["HTTPS_PROXY"]}
        verify = stand.environment()["REQUESTS_CA_BUNDLE"]
        return session.get(url, auth=stand.account, proxies=proxies, verify=verify, timeout=30)


def test_programs_that_know_one_address_of_twilios_find_the_rehearsal(tmp_path: Path) -> None:
    """https://api.twilio.com, through the proxy, is the account with its calls and alerts; other hosts fail."""
    with open_stand(tmp_path) as stand:
        fill(stand)
        (account,) = ask(stand, "https://api.twilio.com/2010-04-01/Accounts.json").json()["accounts"]
        assert account["sid"] == stand.network.rehearsal.account_sid
        assert len(ask(stand, "https://api.twilio.com" + account["subresource_uris"]["calls"]).json()["calls"]) > 1
        assert ask(stand, "https://monitor.twilio.com/v1/Alerts").json()["alerts"] != []
        assert stand.proxy.asked == ["api.twilio.com", "api.twilio.com", "monitor.twilio.com"]
        assert requests.get(stand.proxy.url, timeout=30).status_code == 405


def works(stand: Stand, version: str) -> str:
    """A program that succeeds."""
    return f"reads {len(stand.network.client.calls.list()) > 1}"


def fails(stand: Stand, version: str) -> str:
    """A program that fails."""
    raise AssertionError("it said nothing")


def test_a_program_that_fails_hides_no_other_and_makes_the_run_fail(capsys: pytest.CaptureFixture[str]) -> None:
    """Each has its row; that of the failed one has the reason."""
    programs = [Program("bad", "1.0", "nowhere", fails), Program("good", "2.0", "here", works)]
    assert main([], programs) == 1
    printed = capsys.readouterr()
    assert "| bad | 1.0 | nowhere | **FAILED** |" in printed.out
    assert "| good | 2.0 | here | reads True |" in printed.out
    assert "bad: AssertionError: it said nothing" in printed.err
    assert main(["good"], programs) == 0
    assert "bad" not in capsys.readouterr().out


def test_a_program_that_is_not_there_is_named() -> None:
    """The error lists the known ones."""
    command = [sys.executable, "-m", "tests.foreign", "sipp"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 2
    assert "there is no program 'sipp'; there are tap-twilio" in ended.stderr


def test_a_program_is_installed_once_for_its_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed again if other versions are wanted, or an installation was interrupted."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    commands: list[tuple[str | Path, ...]] = []
    monkeypatch.setattr(cache, "_run", lambda *command, cwd=None: commands.append(command))
    folder = cache.debian_packages("tools", ["one", "two"])
    cache.debian_packages("tools", ["one", "two"])
    assert commands == [("apt-get", "download", "one", "two")]
    cache.debian_packages("tools", ["one", "three"])
    (folder / ".ready").unlink()
    cache.debian_packages("tools", ["one", "three"])
    assert commands[1:] == [("apt-get", "download", "one", "three")] * 2


def test_an_installer_that_fails_is_quoted() -> None:
    """The error quotes its output, or says that it is missing."""
    with pytest.raises(cache.Unavailable, match="no such package"):
        cache._run(sys.executable, "-c", "raise SystemExit('no such package')")
    with pytest.raises(cache.Unavailable, match="there is no apt-nothing here"):
        cache._run("apt-nothing")


def test_no_two_programs_have_one_name() -> None:
    """Programs are selected by name, and their installations are not in git."""
    assert len({one.name for one in PROGRAMS}) == len(PROGRAMS)
    ignored = subprocess.run(["git", "check-ignore", "-q", ".foreign/x"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
