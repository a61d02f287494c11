"""Attempts kept as Parquet: one folder per UTC day, upserted by call SID, each day replaced in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from dialtone_nb.calls.frame import COLUMNS, make_frame, sort_by_time
from dialtone_nb.errors import Fault, InputError

DAY_FILE: Final = "attempts.parquet"
LOCK_FILE: Final = ".lock"
# A first sync of a busy account takes minutes; what waits for it then finds nearly nothing left to ask for.
LOCK_PATIENCE_S: Final = 900
# About 100,000 attempts.
BUNDLE_BYTES: Final = 2_000_000
SCHEMA: Final = pa.schema(
    [
        ("call_sid", pa.string()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("environment", pa.string()),
        ("client", pa.string()),
        ("direction", pa.string()),
        ("other_party", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("duration_s", pa.int64()),
        ("price", pa.float64()),
        ("currency", pa.string()),
        ("key", pa.string()),
    ]
)


def is_call_archive(path: Path) -> bool:
    """Whether this folder holds days of attempts."""
    return path.is_dir() and next(path.glob(f"day=*/{DAY_FILE}"), None) is not None


def save_attempts(archive: str, frame: pd.DataFrame) -> int:
    """Upsert the attempts into the archive, a folder or any address that pyarrow knows; how many days were written.

    A day whose content does not change is not written again. An attempt keeps its key, so a later look at the same call
    (open then, settled now) takes the place of the earlier one.
    """
    system, root = open_archive(archive)
    keyed = _with_keys(frame.reset_index(drop=True))
    days = keyed["started_at"].dt.floor("D")
    return sum(_upsert_day(system, f"{root}/day={day:%Y-%m-%d}", attempts) for day, attempts in keyed.groupby(days))


def _upsert_day(system: fs.FileSystem, folder: str, attempts: pd.DataFrame) -> bool:
    """Whether the day changed, and was written."""
    before = _read_day(system, f"{folder}/{DAY_FILE}")
    if before is not None:
        again = pc.is_in(pa.array(before["key"]), value_set=pa.array(attempts["key"])).to_numpy(zero_copy_only=False)
        attempts = pd.concat([before[~again], attempts], ignore_index=True)
    after = sort_by_time(attempts.reset_index(drop=True), "key")
    if before is not None and after.equals(before):
        return False
    _replace_day(system, folder, after)
    return True


def load_archive(archive: str, since: str = "", until: str = "") -> pd.DataFrame:
    """All attempts of the archive, or those of the days from `since` to `until` (2025-01-31), both included."""
    days = list_days(archive, since, until)
    return load_days(archive, days) if days else make_frame({})


def list_days(archive: str, since: str = "", until: str = "") -> list[str]:
    """The days (2025-01-31) that the archive holds, oldest first, or those from `since` to `until`, both included."""
    return [day for day, _ in _weigh_days(archive, since, until)]


def bundle_days(archive: str, since: str = "", until: str = "") -> list[tuple[str, ...]]:
    """The same in runs that weigh about as much as one busy day: a day of ten calls is not worth a task of its own."""
    bundles: list[list[str]] = []
    weight = BUNDLE_BYTES
    for day, size in _weigh_days(archive, since, until):
        if weight + size > BUNDLE_BYTES:
            bundles.append([])
            weight = 0
        bundles[-1].append(day)
        weight += size
    return [tuple(days) for days in bundles]


def _weigh_days(archive: str, since: str, until: str) -> list[tuple[str, int]]:
    """Each day with the bytes of its file."""
    system, root = open_archive(archive)
    found = system.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    files = {info.path.removesuffix(f"/{DAY_FILE}"): info.size for info in found if info.base_name == DAY_FILE}
    days = sorted((path.rpartition("/day=")[2], size) for path, size in files.items() if "/day=" in path)
    return [(day, size) for day, size in days if (since or "0") <= day <= (until or "9999-99-99")]


def load_days(archive: str, days: Sequence[str], columns: Sequence[str] = tuple(COLUMNS)) -> pd.DataFrame:
    """These days' attempts, oldest first, in these columns; of all columns call SIDs and numbers weigh the most."""
    system, root = open_archive(archive)
    tables = [_read_table(system, f"{root}/day={day}/{DAY_FILE}", columns) for day in days]
    return _frame_of(pa.concat_tables(tables))


def save_table(frame: pd.DataFrame, path: Path) -> None:
    """Nothing; the file at the path holds the attempts, in an archive's columns but for the keys."""
    table = pa.Table.from_pandas(frame, schema=SCHEMA.remove(SCHEMA.get_field_index("key")), preserve_index=False)
    pq.write_table(table, path, compression="lz4")


def load_table(path: str, columns: Sequence[str] = tuple(COLUMNS)) -> pd.DataFrame:
    """The attempts that were saved so, these columns of them."""
    return _frame_of(_read_table(fs.LocalFileSystem(), path, columns))


def open_archive(archive: str) -> tuple[fs.FileSystem, str]:
    """The file system and folder of an address such as s3://bucket/calls, or of a path on this machine.

    What pyarrow does not know, fsspec may: memory://, az://, sftp://, … as far as the library of each is installed.
    """
    if "://" not in archive:
        return fs.LocalFileSystem(), Path(archive).expanduser().resolve().as_posix()
    try:
        system, root = fs.FileSystem.from_uri(archive)
    except pa.ArrowInvalid:
        system, root = _open_by_fsspec(archive)
    return system, root.rstrip("/")


def _open_by_fsspec(archive: str) -> tuple[fs.FileSystem, str]:
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(archive)
    except (ValueError, ImportError) as error:
        raise InputError(
            Fault(f"archive {archive}", f"can't be opened: {error}", "install what it names, or name a folder")
        ) from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), root


def _read_table(system: fs.FileSystem, path: str, columns: Sequence[str]) -> pa.Table:
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    try:
        with system.open_input_file(path) as file:
            # One thread: days are read side by side, and each is small.
            return pq.ParquetFile(file).read(list(columns), use_threads=False).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, KeyError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise InputError(
            Fault(f"archive {path}", f"is no day of attempts: {problem}", "remove it, and fetch that day again")
        ) from None


def _frame_of(table: pa.Table) -> pd.DataFrame:
    """A table of an archive's columns as a frame with their types, in the order in which they were saved."""
    frame: pd.DataFrame = table.to_pandas()
    return frame.astype({name: COLUMNS[name] for name in table.column_names if name in COLUMNS}).assign(
        **{name: frame[name].astype("str") for name in table.column_names if name == "key"}
    )


def _read_day(system: fs.FileSystem, path: str) -> pd.DataFrame | None:
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return None
    return _frame_of(_read_table(system, path, SCHEMA.names))


def _replace_day(system: fs.FileSystem, folder: str, attempts: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(attempts, schema=SCHEMA, preserve_index=False)
    system.create_dir(folder)
    replace_file(system, f"{folder}/{DAY_FILE}", lambda stream: pq.write_table(table, stream, compression="zstd"))


def replace_file(system: fs.FileSystem, path: str, write: Callable[[pa.NativeFile], object]) -> None:
    """Write beside the file and move over it: a reader, or a crash, meets the old file or the new one, whole.

    Two that write at once never write into the same one.
    """
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/.{name}.{uuid4().hex}.new"
    try:
        with system.open_output_stream(beside) as stream:
            write(stream)
        system.move(beside, path)
    except BaseException:
        with suppress(OSError):
            system.delete_file(beside)
        raise


@contextmanager
def locked_archive(archive: str) -> Iterator[None]:
    """The archive for one writer alone, until leaving; an `InputError` where another keeps it for too long.

    A writer that is killed leaves no lock behind. Only folders of this machine have one: elsewhere two writers end
    with whole files, and a day is as the later of them read it.
    """
    system, root = open_archive(archive)
    if not isinstance(system, fs.LocalFileSystem):
        yield
        return
    from filelock import FileLock, Timeout

    system.create_dir(root)
    try:
        lock = FileLock(f"{root}/{LOCK_FILE}", timeout=LOCK_PATIENCE_S)
        with lock:
            yield
    except Timeout:
        problem = f"is being written by another run for more than {LOCK_PATIENCE_S:g} seconds"
        raise InputError(Fault(f"archive {archive}", problem, "wait for it to end, then run again")) from None


def _with_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a key per attempt: its call SID; without one, a hash of when, who and which way."""
    nameless = frame[frame["call_sid"].isna()]
    nth = nameless.groupby(["started_at", "client", "direction"], dropna=False).cumcount()
    made = [
        "EV" + hashlib.blake2b(f"{at.isoformat()}|{client}|{direction}|{n}".encode(), digest_size=16).hexdigest()
        for at, client, direction, n in zip(
            nameless["started_at"], nameless["client"], nameless["direction"], nth, strict=True
        )
    ]
    return frame.assign(key=frame["call_sid"].fillna(pd.Series(made, index=nameless.index, dtype="str")))
