"""Opening an account: credentials from the environment or .env, all that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialtone_nb.account.account import open_account, read_credentials, rehearsal_state
from dialtone_nb.errors import CredentialsError, InputError

ACCOUNT, KEY, SECRET, TOKEN = "AC" + "a1" * 16, "SK" + "b2" * 16, "s" * 32, "t" * 32
NAMES = ("TWILIO_ACCOUNT_SID", "TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN")


@pytest.fixture(autouse=True)
def nobodys_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of the person who runs the tests."""
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
    """A key and its secret are used where they are given, else the auth token; the token is kept for signatures."""
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
                "TWILIO_API_KEY: is no API key SID",
                "TWILIO_API_SECRET: is not set",
            ],
        ),
        ((KEY, ACCOUNT, SECRET), ["TWILIO_ACCOUNT_SID: is no account SID", "TWILIO_API_KEY: is no API key SID"]),
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
    """.env in the project is read, and a variable of the environment goes before it; nothing is asked of Twilio."""
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
    """Without any, opening a real account tells both faults."""
    with pytest.raises(CredentialsError) as refused:
        open_account("twilio", tmp_path)
    assert len(refused.value.faults) == 2


def test_misspelt_account_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    """There are two kinds of account."""
    with pytest.raises(InputError, match="parameter account: is 'twillio'; did you mean 'twilio'"):
        open_account("twillio", tmp_path)


def test_no_secret_is_in_what_an_account_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the account nor its credentials, printed, tell a secret."""
    for name, value in variables(ACCOUNT, KEY, SECRET, TOKEN).items():
        monkeypatch.setenv(name, value)
    account = open_account("twilio", tmp_path)
    shown = f"{account!r} {account} {account.credentials!r} {account.transport!r} {account.label}"
    assert SECRET not in shown
    assert TOKEN not in shown
    assert account.transport.redact(f"it said {SECRET}, {TOKEN}") == "it said [secret], [secret]"
    account.transport.session.close()


def test_state_of_the_rehearsal_is_the_projects_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runbooks share .rehearsal/state.db of the project, or what the environment names."""
    monkeypatch.delenv("DIALTONE_REHEARSAL_STATE", raising=False)
    assert rehearsal_state(tmp_path) == tmp_path / ".rehearsal" / "state.db"
    monkeypatch.setenv("DIALTONE_REHEARSAL_STATE", str(tmp_path / "other.db"))
    assert rehearsal_state(tmp_path) == tmp_path / "other.db"
