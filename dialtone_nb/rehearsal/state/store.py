"""The store: everything in the rehearsed account, in one SQLite file that several processes may open."""

from __future__ import annotations

import secrets
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import orjson

from dialtone_nb.errors import Fault, InputError
from dialtone_nb.files.owner_only import close_file, close_folder, make_file, make_folder
from dialtone_nb.rehearsal.assumptions import BEHAVIOUR_VARIABLE, RECORDED, Behaviour
from dialtone_nb.rehearsal.state.clock import BEGINNING
from dialtone_nb.rehearsal.state.identity import Identity

Body = dict[str, Any]

FORMAT = "1"
OWN = ("own_sid", "own_key", "own_token")  # in `meta` if the account was given these, instead of deriving them
_MEND = "delete the file, or name another"
FOLDER = ".rehearsal"  # the default folder of state files
SHORTEST_DATABASE = 512  # bytes: SQLite's smallest page
LARGEST_CHECKED = 32 * 1024 * 1024  # bytes; checking a year of calls would take seconds at each start
BESIDE = ("-wal", "-shm", "-journal")  # files that SQLite writes beside a database
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
    """One resource: its SID, type, parent's SID and natural key, and Twilio's fields in `body`.

    `nth` counts the things of the same kind, parent and natural key; times are seconds since 1970.
    """

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
    """The tables of the store, inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, identity: Identity, behaviour: Behaviour = RECORDED) -> None:
        self.sql = connection
        self.identity = identity
        self.behaviour = behaviour

    def _value(self, statement: str, *values: object) -> Any:
        return self.sql.execute(statement, values).fetchone()[0]

    def _select(self, conditions: str, *values: object) -> Iterator[Thing]:
        # The conditions are literals of this class; everything else is bound as values.
        return map(_thing, self.sql.execute(f"SELECT {COLUMNS} FROM things WHERE {conditions}", values))  # noqa: S608

    # --- time ---

    def now(self) -> float:
        """The simulated time, in seconds since 1970."""
        return float(self._value("SELECT now FROM clock"))

    def advance(self, seconds: float) -> float:
        """Advance simulated time by so many seconds, and give back the new time."""
        self.sql.execute("UPDATE clock SET now = round(now + ?, 3)", (seconds,))
        return self.now()

    # --- things ---

    def next_nth(self, kind: str, parent: str, name: str) -> int:
        """The number of the next thing of this kind, parent and natural key, from 1; deleted ones count."""
        counted = "INSERT INTO counts VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
        return int(self._value(counted, kind, parent, name))

    def add(self, prefix: str, kind: str, parent: str, name: str, body: Body, *, at: float | None = None) -> Thing:
        """Add a thing, dated now or `at` another time; its SID is derived from its kind, parent and natural key."""
        nth = self.next_nth(kind, parent, name)
        now = self.now() if at is None else at
        thing = Thing(self.identity.sid(prefix, kind, parent, name, nth), kind, parent, name, nth, now, now, body)
        self.sql.execute(
            f"INSERT INTO things ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            (thing.sid, kind, parent, name, nth, now, now, orjson.dumps(body)),
        )
        return thing

    def get(self, kind: str, sid: str, parent: str | None = None) -> Thing | None:
        """The thing with this SID and kind, and with this parent if one is given; None if there is none."""
        thing = next(self._select("sid = ? AND kind = ?", sid, kind), None)
        return thing if thing and parent in {None, thing.parent} else None

    def find(self, kind: str, parent: str, name: str) -> Thing | None:
        """The oldest thing with this natural key, or None."""
        return next(self._select("kind = ? AND parent = ? AND name = ? ORDER BY nth", kind, parent, name), None)

    def list(self, kind: str, parent: str | None = None) -> list[Thing]:
        """All things of a kind, and of one parent if it is given: newest first, then by natural key."""
        conditions, values = ("kind = ?", (kind,)) if parent is None else ("kind = ? AND parent = ?", (kind, parent))
        return [*self._select(f"{conditions} ORDER BY created DESC, name, nth DESC", *values)]

    def walk(
        self, kind: str, parent: str, *, since: float = -inf, until: float = inf, after: str = "", before: str = ""
    ) -> Iterator[Thing]:
        """Iterate over things in the order of `list`, without holding all of them in memory.

        With `after`, begin after the thing with that SID; with `before`, begin before that one and go backwards.
        """
        place = self.get(kind, after or before, parent) if after or before else None
        conditions, values = "kind = ? AND parent = ? AND created >= ? AND created <= ?", [kind, parent, since, until]
        if place:
            behind, ahead = (">", "<") if before else ("<", ">")
            conditions += (
                f" AND created {behind}= ? AND (created {behind} ? OR name {ahead} ? OR (name = ? AND nth {behind} ?))"
            )
            values += [place.created, place.created, place.name, place.name, place.nth]
        order = "created, name DESC, nth" if before else "created DESC, name, nth DESC"
        return self._select(f"{conditions} ORDER BY {order}", *values)

    def beginning_with(self, kind: str, parent: str, name: str) -> Sequence[Thing]:
        """All things whose natural keys begin with `name`, oldest first."""
        conditions = "kind = ? AND parent = ? AND name >= ? AND name < ? ORDER BY created, name, nth"
        return [*self._select(conditions, kind, parent, name, name + LAST_CHARACTER)]

    def count(self, kind: str, parent: str) -> int:
        """The number of things of a kind that a parent has."""
        return int(self._value("SELECT count(*) FROM things WHERE kind = ? AND parent = ?", kind, parent))

    def save(self, thing: Thing, changes: Body, *, name: str | None = None, touch: bool = True) -> Thing:
        """Change these fields of a thing; its SID stays even if its natural key changes."""
        # Requests take no simulated time, but as at Twilio two changes of a thing must not have the same date.
        updated = max(self.now(), thing.updated + 1) if touch else thing.updated
        thing = replace(thing, body=thing.body | changes, name=thing.name if name is None else name, updated=updated)
        self.sql.execute(
            "UPDATE things SET name = ?, updated = ?, body = ? WHERE sid = ?",
            (thing.name, updated, orjson.dumps(thing.body), thing.sid),
        )
        return thing

    def remove(self, sid: str) -> None:
        """Delete a thing and everything under it."""
        for (child,) in self.sql.execute("SELECT sid FROM things WHERE parent = ?", (sid,)).fetchall():
            self.remove(child)
        self.sql.execute("DELETE FROM contents WHERE sid = ?", (sid,))
        self.sql.execute("DELETE FROM things WHERE sid = ?", (sid,))

    def wipe(self) -> None:
        """Delete all things and calls, with the counts of deleted ones, and set the clock back to the beginning."""
        for table in ("things", "contents", "counts", "calls"):
            self.sql.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        self.sql.execute("UPDATE clock SET now = ?", (BEGINNING,))

    # --- uploaded bytes ---

    def write_content(self, sid: str, content: bytes) -> None:
        """Store the bytes of an uploaded version."""
        self.sql.execute("INSERT INTO contents VALUES (?, ?)", (sid, content))

    def content(self, sid: str) -> bytes:
        """The bytes of an uploaded version."""
        return bytes(self._value("SELECT content FROM contents WHERE sid = ?", sid))


# The thing that stores the numbers of the valid auth tokens.
TOKENS = "auth_tokens"
# The default seed of SIDs.
SEED = 7
ELSEWHERE = "name another file, for runbooks in DIALTONE_REHEARSAL_STATE"


class Store:
    """A state file. Transactions are short, and exclusive across threads and processes."""

    def __init__(
        self,
        path: Path,
        seed: int | None,
        behaviour: Behaviour = RECORDED,
        owner: Identity | None = None,
        *,
        lasting: bool = True,
    ) -> None:
        """Open a state file, or make one, for a given account (`owner`) or a new one.

        A file that is not `lasting` is written twenty times as fast, and may be lost with its process.
        """
        try:
            make_folder(path.parent)
            make_file(path)
        except OSError as error:
            raise InputError(Fault(str(path), f"can't be made: {error.strerror}", ELSEWHERE)) from None
        self.path = path
        self.behaviour = behaviour
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:  # a folder, say
            raise InputError(Fault(str(path), f"can't be opened: {error}", "name another file")) from None
        try:
            _check(self._connection, path, seed, behaviour)
            _close_to_others(path)
            # With WAL and NORMAL, commits outlive a killed process; only a power cut can lose the last ones.
            self._connection.execute(f"PRAGMA journal_mode = {'WAL' if lasting else 'MEMORY'}")
            self._connection.execute(f"PRAGMA synchronous = {'NORMAL' if lasting else 'OFF'}")
            seed = SEED if seed is None else seed
            self.identity = Identity(seed, "")
            with self.transaction() as tables:
                self.identity = _prepare(tables.sql, seed, behaviour, owner)
        except (sqlite3.Error, OSError) as error:
            self._connection.close()
            if "readonly" in str(error):
                raise InputError(Fault(str(path), "can't be written to", ELSEWHERE)) from None
            mend = "another program is at work on it: try again" if "locked" in str(error) else _MEND
            raise InputError(Fault(str(path), f"can't be used: {error}", mend)) from None
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Tables]:
        """Open a transaction; it is committed at the end of the block, or rolled back if an exception leaves it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._follow_tokens()
                yield Tables(self._connection, self.identity, self.behaviour)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _follow_tokens(self) -> None:
        """Read the numbers of the valid auth tokens: another process may have rotated them."""
        if not self.identity.secret:
            return  # the file has no tables yet
        row = self._connection.execute("SELECT body FROM things WHERE kind = ? LIMIT 1", (TOKENS,)).fetchone()
        kept = orjson.loads(row[0]) if row else {}
        numbers = kept.get("primary", 0), kept.get("secondary", 0)
        if numbers != (self.identity.primary, self.identity.secondary):
            self.identity = replace(self.identity, primary=numbers[0], secondary=numbers[1])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _check(sql: sqlite3.Connection, path: Path, seed: int | None, behaviour: Behaviour) -> None:
    """Raise InputError for a file that is not a usable state file; the file is left as it is."""
    # SQLite would overwrite a file as short as that.
    if 0 < path.stat().st_size < SHORTEST_DATABASE:
        raise InputError(Fault(str(path), "is no rehearsal's state", ELSEWHERE))
    try:
        if not sql.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() and not _is_marked(sql):
            return
        # Check every page now: damage would otherwise show in the middle of a run.
        is_small = path.stat().st_size < LARGEST_CHECKED
        if is_small and (said := str(sql.execute("PRAGMA quick_check(1)").fetchone()[0])) != "ok":
            raise InputError(Fault(str(path), f"is damaged: {said.splitlines()[-1]}", _MEND))
        found = dict(sql.execute("SELECT key, value FROM meta"))
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise
        raise InputError(Fault(str(path), "is no rehearsal's state", ELSEWHERE)) from None
    if found.get("format") != FORMAT:
        raise InputError(Fault(str(path), "is a rehearsal's state of another version", _MEND))
    if not found.get("secret"):
        raise InputError(Fault(str(path), "is from a version whose auth token anybody can work out", _MEND))
    if not {"seed", "twilio"} <= found.keys() or not found["seed"].lstrip("-").isdecimal():
        raise InputError(Fault(str(path), "is no rehearsal's state", ELSEWHERE))
    if seed is not None and found["seed"] != str(seed):
        repair = f"start it with seed {found['seed']}, or name another file"
        raise InputError(Fault(str(path), f"was made with seed {found['seed']}, not {seed}", repair))
    if (made := found["twilio"]) != behaviour.name:
        repair = f"start it with --twilio {made} or {BEHAVIOUR_VARIABLE}={made}, or name another file"
        raise InputError(Fault(str(path), f"rehearses Twilio as {made}, not as {behaviour.name}", repair))


def _is_marked(sql: sqlite3.Connection) -> bool:
    """Whether an empty database is another program's, which has set its application ID or version in the header."""
    return any(sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))


def _close_to_others(path: Path) -> None:
    """Make the state file, SQLite's files beside it, and the folder if it is the rehearsal's own, owner-only.

    The folder is left alone if it holds anything else, or if everybody may write to it, as to /tmp.
    """
    for file in (path, *(path.with_name(path.name + ending) for ending in BESIDE)):
        close_file(file)
    folder = path.resolve().parent
    is_shared = folder.stat().st_mode & stat.S_ISVTX
    if folder.name == FOLDER or not (is_shared or any(not one.name.startswith(path.name) for one in folder.iterdir())):
        close_folder(folder)


def _prepare(sql: sqlite3.Connection, seed: int, behaviour: Behaviour, owner: Identity | None) -> Identity:
    """Create the tables and the account where they are missing; give back the account's identity."""
    for statement in SCHEMA.split(";"):
        sql.execute(statement)
    secret = owner.secret if owner else secrets.token_hex(32)
    kept = {"seed": str(seed), "format": FORMAT, "twilio": behaviour.name, "secret": secret}
    if owner:
        kept |= dict(zip(OWN, (owner.account_sid, owner.api_key_sid, owner.own_token), strict=True))
    sql.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", kept.items())
    sql.execute("INSERT OR IGNORE INTO clock VALUES (1, ?)", (BEGINNING,))
    found = dict(sql.execute("SELECT key, value FROM meta"))
    own = {name: found[name] for name in OWN if name in found}
    return Identity(int(found["seed"]), found["secret"], **own)
