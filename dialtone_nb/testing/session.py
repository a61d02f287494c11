"""One test session: its rehearsal, the account's name and token, and the account of the test that is running."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import pytest

from dialtone_nb.cli.fresh_account import changed_environment
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.state.identity import Identity
from dialtone_nb.rehearsal.state.store import SEED
from dialtone_nb.testing.account import RehearsedAccount
from dialtone_nb.testing.redirect import Redirection

# What pytest's configuration may say of the account.
CREDENTIALS = ("twilio_account_sid", "twilio_auth_token")
# An edge or a region gives Twilio's hosts other names, which the rehearsal does not serve.
ELSEWHERE = ("TWILIO_EDGE", "TWILIO_REGION")
SIDS = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b")


class LeftOverWarning(UserWarning):
    """What was asked for is of a test before: a thread or a global of it has outlived it."""


class RehearsalSession:
    """A rehearsal in this process, whose account has one SID and token in all tests, and is empty in each.

    Applications keep a client, or their credentials, in a module's globals: these stay good from test to test.
    """

    def __init__(self, account_sid: str = "", auth_token: str = "") -> None:
        self._owner = Identity(SEED, secrets.token_hex(32), own_sid=account_sid, own_token=auth_token)
        self._ending = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="rehearsal-tests-"))
        self._ending.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._redirection = Redirection(lambda: self.rehearsal.url, self._owner.account_sid)
        self._redirection.install()
        self._ending.callback(self._redirection.remove)
        self._accounts = 0
        self._open: dict[pytest.Item, RehearsedAccount] = {}
        # The SIDs of tests that are over, and which tests those were.
        self._former: dict[str, str] = {}

    def start(self) -> None:
        """Start the rehearsal, unless it has been."""
        assert self.rehearsal  # noqa: S101 - whoever asks for it starts it

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """The rehearsal, started for whoever asks first."""
        return self._ending.enter_context(start_rehearsal(self._new_state(), owner=self._owner, lasting=False))

    def close(self) -> None:
        """Stop the rehearsal, and leave the clients as they were."""
        self._ending.close()

    def _new_state(self) -> Path:
        self._accounts += 1
        return self._folder / str(self._accounts) / "state.db"

    def lead_clients(self) -> None:
        """Lead every client here from now on, while modules are imported too."""
        self._ending.enter_context(self._leading())

    @contextmanager
    def _leading(self) -> Iterator[None]:
        owner, was_on = self._owner, self._redirection.is_on
        named = {
            "TWILIO_ACCOUNT_SID": owner.account_sid,
            "TWILIO_AUTH_TOKEN": owner.auth_token,
            "TWILIO_API_KEY": owner.api_key_sid,
            "TWILIO_API_SECRET": owner.api_key_secret,
        }
        with changed_environment({**named, **dict.fromkeys(ELSEWHERE)}):
            self._redirection.is_on = True
            try:
                yield
            finally:
                self._redirection.is_on = was_on

    @contextmanager
    def open_account(self, item: pytest.Item) -> Iterator[RehearsedAccount]:
        """A fresh account for one test; the calls that are still going on end with it."""
        rehearsal, before = self.rehearsal, self._folder / str(self._accounts)
        # Each test has SIDs of its own, the same in every run: an SID of another test is found nowhere.
        rehearsal.change_state(self._new_state(), seed=zlib.crc32(item.nodeid.encode()))
        shutil.rmtree(before, ignore_errors=True)
        left_over: set[str] = set()
        self._redirection.watch = lambda path: left_over.update(set(SIDS.findall(path)) & self._former.keys())
        with self._leading(), RehearsedAccount(rehearsal) as account:
            self._open[item] = account
            yield account
            del self._open[item]
            self._former |= dict.fromkeys(account.all_sids(), item.nodeid)
        # A test that is run again has the SIDs that it had before.
        for sid in sorted(sid for sid in left_over if self._former[sid] != item.nodeid):
            item.warn(LeftOverWarning(f"asked for {sid} of {self._former[sid]}: end what that test started with it"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add to a failure all that its account has seen."""
        report = yield
        if report.failed and item in self._open:
            report.sections.append(("rehearsal of Twilio", self._open[item].story()))
        return report


KEY = pytest.StashKey[RehearsalSession]()


def session_of(config: pytest.Config) -> RehearsalSession:
    """The session's rehearsal; it starts once somebody asks it anything."""
    if KEY not in config.stash:
        session = config.stash[KEY] = RehearsalSession(*(config.getini(name) for name in CREDENTIALS))
        config.pluginmanager.register(session)
        config.add_cleanup(session.close)
    return config.stash[KEY]
