"""What the rehearsed account holds, in one SQLite file that several processes may open."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.rehearsal.assumptions import BEHAVIOUR_VARIABLE, RECORDED, Behaviour
from dialtone_nb.rehearsal.clock import BEGINNING
from dialtone_nb.rehearsal.identity import Identity

Body = dict[str, Any]

FORMAT = "1"
LAST_CHARACTER = "\U0010ffff"
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (only INTEGER PRIMARY KEY CHECK (only = 1), now REAL NOT NULL);
CREATE TABLE IF NOT EXISTS counts (
    kind TEXT, parent TEXT, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (kind, parent, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS things (
    sid TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL, nth INTEGER NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS things_listed ON things (kind, parent, created DESC, name, nth DESC);
CREATE INDEX IF NOT EXISTS things_named ON things (kind, parent, name);
CREATE INDEX IF NOT EXISTS things_parent ON things (parent);
CREATE TABLE IF NOT EXISTS calls (
    sid TEXT PRIMARY KEY, parent_call_sid TEXT, "from" TEXT NOT NULL, "to" TEXT NOT NULL, status TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_started ON calls (started DESC, sid DESC);
CREATE INDEX IF NOT EXISTS calls_ended ON calls (ended);
CREATE INDEX IF NOT EXISTS calls_parent ON calls (parent_call_sid);
CREATE INDEX IF NOT EXISTS calls_to ON calls ("to");
CREATE INDEX IF NOT EXISTS calls_from ON calls ("from");
CREATE TABLE IF NOT EXISTS contents (sid TEXT PRIMARY KEY, content BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Thing:
    """One resource: its SID, whose child it is, its natural key, and Twilio's fields as `body`."""

    sid: str
    kind: str
    parent: str
    name: str
    nth: int
    created: float
    updated: float
    body: Body


COLUMNS = "sid, kind, parent, name, nth, created, updated, body"


def _thing(row: Sequence[Any]) -> Thing:
    sid, kind, parent, name, nth, created, updated, body = row
    return Thing(sid, kind, parent, name, nth, created, updated, orjson.loads(body))


class Tables:
    """The store inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, identity: Identity, behaviour: Behaviour = RECORDED) -> None:
        self.sql = connection
        self.identity = identity
        self.behaviour = behaviour

    # --- time ---

    def now(self) -> float:
        """The simulated time, in seconds since 1970."""
        return float(self.sql.execute("SELECT now FROM clock").fetchone()[0])

    def advance(self, seconds: float) -> float:
        """The simulated time after this many seconds have passed."""
        self.sql.execute("UPDATE clock SET now = round(now + ?, 3)", (seconds,))
        return self.now()

    # --- things ---

    def next_nth(self, kind: str, parent: str, name: str) -> int:
        """1 for the first of this kind, parent and natural key that ever was, deleted ones counted."""
        return int(
            self.sql.execute(
                "INSERT INTO counts VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
                (kind, parent, name),
            ).fetchone()[0]
        )

    def add(self, prefix: str, kind: str, parent: str, name: str, body: Body, *, at: float | None = None) -> Thing:
        """A new thing, of now or of another time, with the SID that follows from its kind, parent and natural key."""
        nth = self.next_nth(kind, parent, name)
        now = self.now() if at is None else at
        thing = Thing(self.identity.sid(prefix, kind, parent, name, nth), kind, parent, name, nth, now, now, body)
        self.sql.execute(
            f"INSERT INTO things ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (thing.sid, kind, parent, name, nth, now, now, orjson.dumps(body)),
        )
        return thing

    def get(self, kind: str, sid: str, parent: str | None = None) -> Thing | None:
        """The thing with this SID, of this kind and, where one is given, of this parent."""
        row = self.sql.execute(
            f"SELECT {COLUMNS} FROM things WHERE sid = ? AND kind = ?",  # noqa: S608 - a constant
            (sid, kind),
        ).fetchone()
        thing = _thing(row) if row else None
        return thing if thing and parent in {None, thing.parent} else None

    def find(self, kind: str, parent: str, name: str) -> Thing | None:
        """The oldest thing with this natural key."""
        row = self.sql.execute(
            f"SELECT {COLUMNS} FROM things WHERE kind = ? AND parent = ? AND name = ? ORDER BY nth",  # noqa: S608
            (kind, parent, name),
        ).fetchone()
        return _thing(row) if row else None

    def list(self, kind: str, parent: str | None = None) -> list[Thing]:
        """All things of a kind, and of one parent where it is given: newest first, then by natural key."""
        narrower = "" if parent is None else "AND parent = ?"
        rows = self.sql.execute(
            f"SELECT {COLUMNS} FROM things WHERE kind = ? {narrower} ORDER BY created DESC, name, nth DESC",  # noqa: S608
            (kind,) if parent is None else (kind, parent),
        )
        return [_thing(row) for row in rows]

    def walk(
        self, kind: str, parent: str, *, since: float = -inf, until: float = inf, after: str = "", before: str = ""
    ) -> Iterator[Thing]:
        """Things of these times one by one, as `list` has them: there may be too many to hold all of them at once.

        They begin behind the one with the SID `after`; or, with `before`, ahead of that one, and go backwards.
        """
        place = self.get(kind, after or before, parent) if after or before else None
        conditions, values = "", [kind, parent, since, until]
        if place:
            behind, ahead = (">", "<") if before else ("<", ">")
            conditions = (
                f" AND created {behind}= ? AND (created {behind} ? OR name {ahead} ? OR (name = ? AND nth {behind} ?))"
            )
            values += [place.created, place.created, place.name, place.name, place.nth]
        order = "created, name DESC, nth" if before else "created DESC, name, nth DESC"
        rows = self.sql.execute(
            f"SELECT {COLUMNS} FROM things WHERE kind = ? AND parent = ? AND created >= ? AND created <= ?"  # noqa: S608
            f"{conditions} ORDER BY {order}",
            values,
        )
        return map(_thing, rows)

    def beginning_with(self, kind: str, parent: str, name: str) -> Sequence[Thing]:
        """All things whose natural keys begin with this, oldest first."""
        rows = self.sql.execute(
            f"SELECT {COLUMNS} FROM things WHERE kind = ? AND parent = ? AND name >= ? AND name < ?"  # noqa: S608
            " ORDER BY created, name, nth",
            (kind, parent, name, name + LAST_CHARACTER),
        )
        return [_thing(row) for row in rows]

    def count(self, kind: str, parent: str) -> int:
        """How many things of this kind the parent has."""
        return int(
            self.sql.execute("SELECT count(*) FROM things WHERE kind = ? AND parent = ?", (kind, parent)).fetchone()[0]
        )

    def save(self, thing: Thing, changes: Body, *, name: str | None = None, touch: bool = True) -> Thing:
        """The thing with these fields changed; its SID stays even where its natural key changes."""
        # Requests take no time here; at Twilio two changes of a thing are never of one date, so here neither.
        updated = max(self.now(), thing.updated + 1) if touch else thing.updated
        thing = replace(thing, body=thing.body | changes, name=thing.name if name is None else name, updated=updated)
        self.sql.execute(
            "UPDATE things SET name = ?, updated = ?, body = ? WHERE sid = ?",
            (thing.name, updated, orjson.dumps(thing.body), thing.sid),
        )
        return thing

    def remove(self, sid: str) -> None:
        """Forget a thing and everything under it."""
        for (child,) in self.sql.execute("SELECT sid FROM things WHERE parent = ?", (sid,)).fetchall():
            self.remove(child)
        self.sql.execute("DELETE FROM contents WHERE sid = ?", (sid,))
        self.sql.execute("DELETE FROM things WHERE sid = ?", (sid,))

    # --- uploaded bytes ---

    def write_content(self, sid: str, content: bytes) -> None:
        """Keep the bytes of a function version."""
        self.sql.execute("INSERT INTO contents VALUES (?, ?)", (sid, content))

    def content(self, sid: str) -> bytes:
        """The bytes of a function version."""
        return bytes(self.sql.execute("SELECT content FROM contents WHERE sid = ?", (sid,)).fetchone()[0])


class Store:
    """A state file. Its transactions are short and one at a time, across threads and processes alike."""

    def __init__(self, path: Path, seed: int, behaviour: Behaviour = RECORDED) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.identity = Identity(seed)
        self.behaviour = behaviour
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        # So what was acknowledged outlives a killed process; only a power cut could lose the last of it.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.transaction() as tables:
            self._prepare(tables.sql, seed)

    def _prepare(self, sql: sqlite3.Connection, seed: int) -> None:
        for statement in SCHEMA.split(";"):
            sql.execute(statement)
        kept = {"seed": str(seed), "format": FORMAT, "twilio": self.behaviour.name}
        sql.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", kept.items())
        sql.execute("INSERT OR IGNORE INTO clock VALUES (1, ?)", (BEGINNING,))
        found = dict(sql.execute("SELECT key, value FROM meta"))
        if found["format"] != FORMAT:
            raise InputError(Fault(str(self.path), "is a rehearsal's state of another version", "delete the file"))
        if found["seed"] != str(seed):
            repair = f"start it with seed {found['seed']}, or name another file"
            raise InputError(Fault(str(self.path), f"was made with seed {found['seed']}, not {seed}", repair))
        if (made := found["twilio"]) != self.behaviour.name:
            problem = f"rehearses Twilio as {made}, not as {self.behaviour.name}"
            repair = f"start it with --twilio {made} or {BEHAVIOUR_VARIABLE}={made}, or name another file"
            raise InputError(Fault(str(self.path), problem, repair))

    @contextmanager
    def transaction(self) -> Iterator[Tables]:
        """The tables, for as long as it takes; all of it is kept, or none."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Tables(self._connection, self.identity, self.behaviour)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
