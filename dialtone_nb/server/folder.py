"""The server's folder: compiled tables by version, and which of them each environment serves now and served before.

tables/<version>.json               a compiled table; its version is the SHA-256 of the file, so a version never changes
environments/<environment>.json     {"version": …, "previous": …}: what is served now, and what a roll back returns to
claims/<environment>.<claim>        who is changing the environment, as everybody sees it who deploys to this folder
events/<environment>/               what happened, a file a day (see day_files.py)

Every file is written beside its place, flushed to the disk and moved in, so that whoever reads at any moment, or after
a crash at any moment, finds the old file or the new one, whole. Writers take turns; readers wait for nobody.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from dialtone_nb.dialplan.table import Table, load_table, table_json
from dialtone_nb.errors import AbsentError, Fault, InputError
from dialtone_nb.files.atomic_file import sync_folder, write_whole

TABLES: Final = "tables"
ENVIRONMENTS: Final = "environments"
EVENTS: Final = "events"
_VERSION: Final = re.compile("[0-9a-f]{64}")
_ENVIRONMENT: Final = re.compile("[a-z][a-z0-9]{0,15}")
_LOCK: Final = ".writing"
CLAIMS: Final = "claims"


@dataclass(frozen=True, slots=True)
class Serving:
    """The version that an environment serves, and the one before; empty where there is none."""

    version: str = ""
    previous: str = ""


def _serving_json(serving: Serving) -> str:
    return json.dumps(asdict(serving), indent=1) + "\n"


_SERVING: Final = TypeAdapter(Serving)
_CLOSED: Final = _serving_json(Serving())


def table_version(table: Table) -> str:
    """What identifies a table, whoever compiled it: the SHA-256 of its text, 64 hexadecimal digits."""
    return hashlib.sha256(table_json(table).encode()).hexdigest()


def push_table(folder: Path, table: Table) -> str:
    """The table's version, now on the folder's disk and served by nobody yet; pushing it again changes nothing."""
    version = table_version(table)
    with writing(folder):
        if not _is_whole(_table_path(folder, version), version):
            write_whole(_table_path(folder, version), table_json(table))
    return version


def read_table(folder: Path, version: str) -> Table:
    """The table of a version; an `InputError` where it is not there, damaged, or of another format."""
    path = _table_path(folder, version)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(Fault(str(path), "there is no such table", "deploy pushes it")) from None
    except OSError as error:
        raise InputError(Fault(str(path), f"can't be read: {error.strerror}")) from None
    if hashlib.sha256(content).hexdigest() != version:
        raise InputError(Fault(str(path), "is damaged: its content is not what its name says", "deploy it again"))
    try:
        return load_table(content.decode())
    except ValidationError:
        raise InputError(Fault(str(path), "is a table of another release", "deploy it again")) from None


def list_tables(folder: Path) -> tuple[str, ...]:
    """The versions of the tables in the folder, oldest first."""
    paths = [path for path in (folder / TABLES).glob("*.json") if _VERSION.fullmatch(path.stem)]
    return tuple(path.stem for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.stem)))


def read_serving(folder: Path, environment: str) -> Serving:
    """What an environment serves; both empty where nothing was switched on for it yet."""
    path = _environment_path(folder, environment)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Serving()
    except OSError as error:
        raise InputError(Fault(str(path), f"can't be read: {error.strerror}")) from None
    try:
        serving = _SERVING.validate_json(content)
    except ValidationError:
        raise InputError(Fault(str(path), "does not say which table is served", "deploy or promote again")) from None
    for version in (serving.version, serving.previous):
        if version and not _VERSION.fullmatch(version):
            raise InputError(Fault(str(path), f"{version!r} is not a table's version", "deploy or promote again"))
    return serving


def noted_serving(folder: Path, environment: str) -> Serving:
    """The same for whoever switches: nothing where the note is damaged, for the next switch writes a good one."""
    try:
        return read_serving(folder, environment)
    except InputError:
        _environment_path(folder, environment)  # a name that leads out of the folder is refused all the same
        return Serving()


def list_environments(folder: Path) -> tuple[str, ...]:
    """The environments that have a table switched on, by name."""
    paths = (folder / ENVIRONMENTS).glob("*.json")
    return tuple(sorted(path.stem for path in paths if _ENVIRONMENT.fullmatch(path.stem) and _is_open(path)))


def is_noted(folder: Path, environment: str) -> bool:
    """Whether the folder says anything of an environment; one that was closed is noted, so none vanishes unseen."""
    return _environment_path(folder, environment).exists()


def has_served(folder: Path, environment: str) -> bool:
    """Whether an environment has answered calls: its events are there."""
    return any((folder / EVENTS / environment).glob("*.jsonl"))


def switch_table(folder: Path, environment: str, version: str) -> Serving:
    """What the environment serves from now on, the version, with the one until now as its previous.

    A version that is served already changes nothing, so a previous one is never lost by doing it twice. An `InputError`
    where the version's table is not whole, or knows no such environment: then what was served still is. A roll back is
    a switch to `read_serving(…).previous`.
    """
    if environment not in read_table(folder, version).environments:
        place = str(_table_path(folder, version))
        raise InputError(Fault(place, f"has no environment {environment!r}", "deploy it from the files that have"))
    with writing(folder):
        now = noted_serving(folder, environment)
        if now.version == version:
            return now
        serving = Serving(version, now.version)
        write_whole(_environment_path(folder, environment), _serving_json(serving))
        return serving


def close_environment(folder: Path, environment: str) -> bool:
    """Whether the environment served a table until now; from now on it serves none. The tables stay."""
    path = _environment_path(folder, environment)
    with writing(folder):
        was_open = _is_open(path)
        if was_open:
            write_whole(path, _CLOSED)
    return was_open


def _table_path(folder: Path, version: str) -> Path:
    # A version comes from a file or a request: it must not lead out of the folder.
    if not _VERSION.fullmatch(version):
        raise InputError(Fault(str(folder / TABLES), f"{version!r} is not a table's version", "it has 64 digits"))
    return folder / TABLES / f"{version}.json"


def _environment_path(folder: Path, environment: str) -> Path:
    if not _ENVIRONMENT.fullmatch(environment):
        problem = f"{environment!r} is not an environment's name"
        raise InputError(Fault(str(folder / ENVIRONMENTS), problem, "network.yaml has their names"))
    return folder / ENVIRONMENTS / f"{environment}.json"


def _is_open(path: Path) -> bool:
    """Whether an environment's file says anything else than that it is closed; a damaged one does."""
    try:
        return path.read_bytes() != _CLOSED.encode()
    except FileNotFoundError:
        return False


def _is_whole(path: Path, version: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == version
    except FileNotFoundError:
        return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The folder's only writer, until the block ends; an `InputError` that names it where it can't be written."""
    try:
        for name in (TABLES, ENVIRONMENTS):
            (folder / name).mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("wb") as lock:
            # The system lets go of it when its holder dies.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        problem = f"can't be written: {error.strerror or error}"
        raise InputError(Fault(str(folder), problem, "check its owner, its permissions and its disk")) from error


@dataclass(eq=False)
class ClaimFile:
    """A claim as it was read or written; whoever changed it meanwhile is not written over."""

    key: str
    value: str
    path: Path = field(repr=False)

    def fetch(self) -> None:
        """Look whether it is still there; an `AbsentError` where it is no longer as it was."""
        self._refuse_changed()

    def update(self, *, value: str) -> None:
        """Give it another value; an `AbsentError` where it is not there any more as it was."""
        with writing(_folder_of(self.path)):
            self._refuse_changed()
            write_whole(self.path, value)
        self.value = value

    def delete(self) -> None:
        """Take it out; an `AbsentError` where it is not there any more as it was."""
        with writing(_folder_of(self.path)):
            self._refuse_changed()
            self.path.unlink()
            sync_folder(self.path.parent)

    def _refuse_changed(self) -> None:
        there = None
        with suppress(FileNotFoundError):  # it may be released at any moment
            there = self.path.read_text(encoding="utf-8")
        if there != self.value:
            raise AbsentError("another claim is there", status=404, code=None, method="GET", path=str(self.path))


@dataclass(frozen=True)
class ClaimFolder:
    """The claims on one environment, as a keeper of claims."""

    folder: Path
    environment: str

    def list(self) -> list[ClaimFile]:
        """Every claim that is there."""
        found = []
        for path in sorted((self.folder / CLAIMS).glob(f"{self.environment}.*")):
            with suppress(FileNotFoundError):  # released a moment ago
                found.append(ClaimFile(path.suffix[1:], path.read_text(encoding="utf-8"), path))
        return found

    def create(self, *, key: str, value: str) -> ClaimFile:
        """The new claim; an `InputError` where there is one."""
        path = self.folder / CLAIMS / f"{self.environment}.{key}"
        with writing(self.folder):
            path.parent.mkdir(exist_ok=True)
            if path.exists():
                raise InputError(Fault(str(path), "is there already", "wait, or break the claim"))
            write_whole(path, value)
        return ClaimFile(key, value, path)


def _folder_of(path: Path) -> Path:
    return path.parent.parent
