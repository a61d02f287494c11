"""The content of an account by natural keys, without SIDs, so that two accounts can be compared."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import orjson

from dialtone_nb.infrastructure.claim import CLAIM
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.phones.private_files import PASSWORD_FILE, load_private_files
from dialtone_nb.rehearsal.state.domain_access import digest_secret

# What calls leave behind, whether a phone is registered, where our own server runs: no part of what an apply makes.
NOT_COMPARED = ("alert", "call_event", "log", "registration", "own_server")
# A SID, wherever it stands in a body.
SID = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b")
# What depends on when it was looked at, or is drawn anew each time.
FLEETING = {
    "auth_tokens": ("primary", "secondary", "made"),
    "build": ("reads", "slow", "fate"),
    "credential": ("digest_secret",),
    "phone_number": ("reads", "asked"),
}


@dataclass(frozen=True)
class Row:
    """One resource as the rehearsal's file has it."""

    sid: str
    kind: str
    parent: str
    name: str
    body: Mapping[str, object]


@dataclass(frozen=True)
class AccountState:
    """The resources of an account, and the numbers ever bought in it."""

    rows: tuple[Row, ...]
    bought: Mapping[str, int]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Each SID in words: kind, parent, and natural key."""
        rows = {row.sid: row for row in self.rows}
        labels: dict[str, str] = {}

        def label(sid: str) -> str:
            row = rows.get(sid)
            if row is None:
                return "gone"
            if sid not in labels:
                labels[sid] = f"{row.kind} {name(row)}" + (f" of {label(row.parent)}" if row.parent else "")
            return labels[sid]

        def name(row: Row) -> str:
            if row.kind == "build":
                return " ".join([str(row.body["status"]), *sorted(map(label, _listed(row.body["function_versions"])))])
            if row.kind == "function_version" and row.name.startswith("/manifest"):
                # Its source names the SIDs of the others, which may be a second upload's.
                return "/manifest"
            return SID.sub(lambda found: label(found[0]), row.name)

        for row in self.rows:
            label(row.sid)
        return labels

    @cached_property
    def things(self) -> Counter[tuple[str, str]]:
        """Each resource's label and fields, with SIDs in words, and how many such there are."""
        return Counter((self.labels[row.sid], self._fields(row)) for row in self.rows if not _is_failed_build(row))

    @property
    def names(self) -> Counter[str]:
        """The number of resources with each label; of deployments, which are a history, only the last counts."""
        return Counter({label: 0 for label, _ in self.things}) + Counter(
            label for label, _ in self.things.elements() if not label.startswith("deployment ")
        )

    def _fields(self, row: Row) -> str:
        fields = {name: value for name, value in row.body.items() if name not in FLEETING.get(row.kind, ())}
        return SID.sub(lambda found: self.labels.get(found[0], "gone"), orjson.dumps(fields, option=2).decode())

    def numbers(self) -> set[str]:
        """The numbers that the account owns."""
        return {row.name for row in self.rows if row.kind == "phone_number"}

    def passwords(self) -> dict[str, str]:
        """The digests that each phone's password is checked against."""
        return {row.name: str(row.body["digest_secret"]) for row in self.rows if row.kind == "credential"}


def read_state(folder: Path) -> AccountState:
    """The state of the account in this folder, limited to what an apply makes."""
    connection = sqlite3.connect(folder / "state.db", timeout=10)
    try:
        marks = ", ".join("?" * len(NOT_COMPARED))
        found = connection.execute(
            f"SELECT sid, kind, parent, name, body FROM things WHERE kind NOT IN ({marks}) ORDER BY sid", NOT_COMPARED
        )
        # A claim that a dead run left behind runs out by itself; which plan was applied last depends on how many were.
        rows = tuple(
            Row(sid, kind, parent, name, orjson.loads(body))
            for sid, kind, parent, name, body in found
            if kind != "variable" or name not in (CLAIM, APPLIED)
        )
        bought = dict(connection.execute("SELECT name, count FROM counts WHERE kind = 'phone_number'").fetchall())
    finally:
        connection.close()
    return AccountState(rows, bought)


def claims_in(state: Path) -> list[str]:
    """The claims in a rehearsal's state file, expired ones too."""
    connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=10)
    try:
        held = connection.execute("SELECT body FROM things WHERE kind = 'variable' AND name = ?", (CLAIM,)).fetchall()
    except sqlite3.OperationalError:  # the file is just being made
        return []
    finally:
        connection.close()
    return [str(body) for (body,) in held]


@dataclass(frozen=True)
class Difference:
    """How an account differs from that of an undisturbed run; empty if it does not."""

    # A natural key that is there more often than it should be.
    duplicates: tuple[str, ...] = ()
    # What nobody would look for or use again.
    orphans: tuple[str, ...] = ()
    # What is lacking, or has other fields.
    missing: tuple[str, ...] = ()
    bought_twice: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    # Phones whose private file has not the password that Twilio has.
    passwords: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.duplicates, self.orphans, self.missing, self.bought_twice, self.released, self.passwords))


def compare_accounts(folder: Path, expected: AccountState) -> Difference:
    """How the account in this folder differs from the expected state, including its private files."""
    found = read_state(folder)
    names, wanted = found.names, expected.names
    more = names - wanted
    missing = [label for label, _ in (expected.things - found.things).elements() if not label.startswith("deployment ")]
    return Difference(
        duplicates=_sorted(name for name in more if name in wanted),
        orphans=_sorted(name for name in more if name not in wanted),
        missing=_sorted(missing),
        bought_twice=_sorted(n for n, count in found.bought.items() if count > expected.bought.get(n, 0)),
        released=_sorted(expected.numbers() - found.numbers()),
        passwords=_sorted(_wrong_passwords(folder, found)),
    )


def _wrong_passwords(folder: Path, state: AccountState) -> Iterable[str]:
    for phone, secret in state.passwords().items():
        words = [
            word
            for path in (folder / "private").glob(f"*/{phone}")
            for word in load_private_files(path)[PASSWORD_FILE].split()
        ]
        if secret not in {digest_secret(phone, word) for word in words}:
            yield phone


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _is_failed_build(row: Row) -> bool:
    """Whether it is a failed build, which Twilio keeps and which does not matter."""
    return row.kind == "build" and row.body["status"] == "failed"


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
