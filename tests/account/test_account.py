"""Opening an account: credentials come from the environment or .env, and all their faults are reported at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path

import pytest
import requests

from dialtone_nb.account.account import AccountCredentials, open_account, read_credentials, rehearsal_state, tell_holder
from dialtone_nb.display.banner import CONSOLE, Banner
from dialtone_nb.display.existing import state_html
from dialtone_nb.errors import CredentialsError, InputError
from dialtone_nb.values.sids import short_sid
from tests.infrastructure.desk import Desk

ACCOUNT, KEY, SECRET, TOKEN = "AC" + "a1" * 16, "SK" + "b2" * 16, "s" * 32, "t" * 32
NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN")


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the credentials of the person who runs the tests out of the environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def variables(*values: str) -> dict[str, str]:
    """The four variables; an empty one is not set."""
    return {name: value for name, value in zip(NAMES, values, strict=False) if value}


@pytest.mark.parametrize(
    ("values", "username", "password", "token"),
    [
        ((ACCOUNT, "", "", TOKEN), ACCOUNT, TOKEN, TOKEN),
        ((ACCOUNT, KEY, SECRET), KEY, SECRET, ""),
        ((ACCOUNT, KEY, SECRET, TOKEN), KEY, SECRET, TOKEN),
        ((f" {ACCOUNT} ", "", "", f"{TOKEN}\n"), ACCOUNT, TOKEN, TOKEN),
    ],
)
def test_key_goes_before_token(values: tuple[str, ...], username: str, password: str, token: str) -> None:
    """An API key and its secret are used if they are set, else the auth token, which is also kept for signatures."""
    read = read_credentials(variables(*values))
    assert (read.account_sid, read.username, read.password, read.auth_token) == (ACCOUNT, username, password, token)


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ((), ["TWILIO_ACCOUNT_SID: is not set", "TWILIO_API_KEY and TWILIO_API_SECRET: are not set"]),
        ((ACCOUNT,), ["TWILIO_API_KEY and TWILIO_API_SECRET: are not set"]),
        ((ACCOUNT, KEY), ["TWILIO_API_SECRET: is not set; a key and its secret go together"]),
        ((ACCOUNT, "", SECRET), ["TWILIO_API_KEY: is not set; a key and its secret go together"]),
        (
            ("AC123", "SK123", "", ""),
            [
                "TWILIO_ACCOUNT_SID: is no account SID",
                "TWILIO_API_KEY: is not an API key SID",
                "TWILIO_API_SECRET: is not set",
            ],
        ),
        ((KEY, ACCOUNT, SECRET), ["TWILIO_ACCOUNT_SID: is no account SID", "TWILIO_API_KEY: is not an API key SID"]),
        (("", "", "", TOKEN), ["TWILIO_ACCOUNT_SID: is not set"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(values: tuple[str, ...], faults: list[str]) -> None:
    """Every missing or malformed variable is named with its repair, and no secret is repeated."""
    with pytest.raises(CredentialsError) as refused:
        read_credentials(variables(*values))
    told = str(refused.value).splitlines()
    assert len(told) == len(faults)
    assert all(line.startswith(fault) for line, fault in zip(told, faults, strict=True))
    assert refused.value.exit_code == 5
    assert SECRET not in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_credentials_come_from_the_projects_env_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """.env in the project is read, a variable of the environment takes precedence, and Twilio gets no request."""
    (tmp_path / ".env").write_text(f"TWILIO_ACCOUNT_SID={ACCOUNT}\nTWILIO_AUTH_TOKEN={TOKEN}\n", encoding="utf-8")
    account = open_account("twilio", tmp_path)
    assert (account.sid, account.credentials.password) == (ACCOUNT, TOKEN)
    assert account.label == "Twilio account ACa1a1a1…"
    account.transport.session.close()
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "u" * 32)
    account = open_account("twilio", tmp_path)
    assert account.credentials.password == "u" * 32
    account.transport.session.close()


def test_missing_credentials_stop_a_run_at_once(tmp_path: Path) -> None:
    """Opening a real account without any of the variables reports both faults."""
    with pytest.raises(CredentialsError) as refused:
        open_account("twilio", tmp_path)
    assert len(refused.value.faults) == 2


def test_misspelt_account_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """The only kinds of account are rehearsal and twilio."""
    with pytest.raises(InputError, match="parameter account: is 'twillio'; did you mean 'twilio'"):
        open_account("twillio", tmp_path)


def test_no_secret_is_in_what_an_account_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing the account or its credentials shows no secret."""
    for name, value in variables(ACCOUNT, KEY, SECRET, TOKEN).items():
        monkeypatch.setenv(name, value)
    account = open_account("twilio", tmp_path)
    shown = f"{account!r} {account} {account.credentials!r} {account.transport!r} {account.label}"
    assert SECRET not in shown
    assert TOKEN not in shown
    assert account.transport.redact(f"it said {SECRET}, {TOKEN}") == "it said [secret], [secret]"
    account.transport.session.close()


def test_a_rehearsals_credentials_are_refused_for_twilio() -> None:
    """The error names them, and they are sent nowhere."""
    with pytest.raises(CredentialsError, match="is a rehearsal's account SID") as refused:
        read_credentials(variables("ACfacade" + "0" * 26, "SKfacade" + "0" * 26, SECRET))
    assert len(refused.value.faults) == 2


@pytest.mark.parametrize("names", [("TWILIO_REGION",), ("TWILIO_EDGE",), ("TWILIO_REGION", "TWILIO_EDGE")])
def test_no_region_or_edge_disturbs_a_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """TWILIO_REGION and TWILIO_EDGE change the hosts' names for Twilio only."""
    for name in names:
        monkeypatch.setenv(name, "ie1")
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "state.db"))
    account = open_account("rehearsal", tmp_path)
    assert account.client.api.v2010.account.fetch().sid == account.sid
    assert account.client.serverless.v1.services.list() == []


@pytest.mark.parametrize("hours", [-24 * 365, -1, 1, 24 * 365])
def test_time_is_twilios_whatever_this_computers_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hours: int
) -> None:
    """After the first answer the time follows Twilio's Date header; a wrong local clock is reported once."""
    there = datetime.now(UTC) + timedelta(hours=hours)
    for name, value in variables(ACCOUNT, "", "", TOKEN).items():
        monkeypatch.setenv(name, value)
    account = open_account("twilio", tmp_path)
    assert abs(account.now() - datetime.now(UTC)) < timedelta(minutes=1)
    answer = requests.Response()
    answer.status_code, answer.raw = 200, BytesIO(b"{}")
    answer.headers["Date"] = format_datetime(there, usegmt=True)
    monkeypatch.setattr(account.transport.session, "request", lambda *_, **__: answer)
    account.transport.send("GET", "https://api.twilio.com/")
    for _ in range(2):
        assert abs(account.now() - there) < timedelta(minutes=1)
    assert caplog.text.count("This computer's clock is") == 1
    account.transport.session.close()


def test_state_of_the_rehearsal_is_the_projects_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runbooks share .rehearsal/state.db of the project, or what the environment names."""
    monkeypatch.delenv("DIALTONE_REHEARSAL_STATE", raising=False)
    assert rehearsal_state(tmp_path) == tmp_path / ".rehearsal" / "state.db"
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "other.db"))
    assert rehearsal_state(tmp_path) == tmp_path / "other.db"


def test_the_holder_is_told_as_far_as_the_credentials_read_it(desk: Desk) -> None:
    """Friendly name and balance with the auth token; SID and balance with an API key, which can't read the account."""
    account = replace(desk.account, kind="twilio")
    sid = short_sid(account.sid)
    assert tell_holder(account) == f"Rehearsal (not Twilio) ({sid}), balance 0.00 USD"
    by_key = replace(account, credentials=AccountCredentials(account.sid, KEY, SECRET))
    assert tell_holder(by_key) == f"Twilio account {sid}, balance 0.00 USD"


def test_banner_and_things_lead_to_the_console_where_they_are_there(desk: Desk) -> None:
    """A rehearsal's resources have no links, as they are not in the Console."""
    desk.do(desk.deploy())
    found = desk.site("stage").look()
    assert "console.twilio.com" not in state_html(found)
    real = state_html(replace(found, is_rehearsal=False))
    assert all(place in real for place in ("functions/services", "voice/manage/sip-domains", "credential-lists"))
    banner = Banner("Deploy", "twilio", "stage", False, {}, holder="Alder Street, balance 12.34 USD")
    assert f'href="{CONSOLE}"' in banner.html()
    assert "Alder Street, balance 12.34 USD" in banner.text()
    assert CONSOLE not in replace(banner, account="rehearsal").html()
