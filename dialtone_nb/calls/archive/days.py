"""The archive's days: attempts as Parquet, a folder per UTC day, upserted by call SID, each day replaced atomically."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pandas as pd
import polars as pl
from pyarrow import fs

from dialtone_nb.calls.archive.storage import open_archive, replace_file
from dialtone_nb.calls.attempts.schema import SCHEMA, attempts_of, pandas_of, sort_attempts
from dialtone_nb.errors import Fault, InputError

DAY_FILE: Final = "attempts.parquet"
# About 200,000 attempts.
BUNDLE_BYTES: Final = 4_000_000
# The column that identifies an attempt without a call SID; one with a call SID is identified by that.
KEY: Final = "key"


def is_call_archive(path: Path) -> bool:
    """Whether this folder is an archive with at least one day of attempts."""
    return path.is_dir() and next(path.glob(f"day=*/{DAY_FILE}"), None) is not None


def save_attempts(archive: str, frame: pd.DataFrame) -> int:
    """Upsert attempts into the archive (a folder or an address that pyarrow knows); gives back the days written.

    A day whose content does not change is not written again. An attempt's key never changes, so a later reading of the
    same call (then open, now settled) replaces the earlier one.
    """
    return save_parts(archive, [attempts_of(frame)])


def save_parts(archive: str, parts: Iterable[pl.DataFrame]) -> int:
    """Upsert attempts in parts, no two of which share a day; gives back the number of days written."""
    system, root = open_archive(archive)
    return sum(_upsert_days(system, root, part) for part in parts)


def _upsert_days(system: fs.FileSystem, root: str, attempts: pl.DataFrame) -> int:
    days = (
        _with_keys(attempts).with_columns(day=pl.col("started_at").dt.date()).partition_by("day", maintain_order=True)
    )
    return sum(_upsert_day(system, f"{root}/day={day.item(0, 'day')}", day.drop("day")) for day in days)


def _upsert_day(system: fs.FileSystem, folder: str, attempts: pl.DataFrame) -> bool:
    """Upsert one day; whether it changed and was written."""
    before = _read_day(system, f"{folder}/{DAY_FILE}")
    if before is not None:
        attempts = pl.concat([before.join(attempts, on=KEY, how="anti"), attempts])
    after = sort_attempts(attempts, KEY)
    if before is not None and after.equals(before):
        return False
    _replace_day(system, folder, after)
    return True


def load_archive(archive: str, since: str = "", until: str = "") -> pd.DataFrame:
    """The archive's attempts from the day `since` to `until` (as 2025-01-31), both included; "" is no limit."""
    return pandas_of(load_days(archive, list_days(archive, since, until)))


def list_days(archive: str, since: str = "", until: str = "") -> list[str]:
    """The days (as 2025-01-31) in the archive from `since` to `until`, both included, oldest first."""
    return [day for day, _ in _weigh_days(archive, since, until)]


def bundle_days(archive: str, since: str = "", until: str = "") -> list[tuple[str, ...]]:
    """The archive's days in runs of about `BUNDLE_BYTES`: a day of ten calls is not worth a task of its own."""
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
    """Each day with the size of its file in bytes."""
    system, root = open_archive(archive)
    found = system.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
    files = {info.path.removesuffix(f"/{DAY_FILE}"): info.size for info in found if info.base_name == DAY_FILE}
    days = sorted((path.rpartition("/day=")[2], size) for path, size in files.items() if "/day=" in path)
    return [(day, size) for day, size in days if (since or "0") <= day <= (until or "9999-99-99")]


def load_days(archive: str, days: Sequence[str], columns: Sequence[str] = tuple(SCHEMA)) -> pl.DataFrame:
    """These days' attempts, oldest first, in these columns; call SIDs and numbers take the most memory."""
    system, root = open_archive(archive)
    paths = [f"{root}/day={day}/{DAY_FILE}" for day in days]
    if not paths:
        return SCHEMA.to_frame().select(columns)
    try:
        # Reading all files at once is ten times as fast, but does not say which of them is damaged.
        return _read(system, paths, columns)
    except pl.exceptions.PolarsError:
        return pl.concat([_read_file(system, path, columns) for path in paths])


def _read(system: fs.FileSystem, paths: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    here = isinstance(system, fs.LocalFileSystem)
    sources: list[Any] = [path if here else BytesIO(system.open_input_file(path).read()) for path in paths]
    # Days that were written before a column was introduced lack it.
    schema = pl.read_parquet_schema(sources[0])
    schema.update({name: kind for name, kind in SCHEMA.items() if name not in schema})
    stored = pl.read_parquet(
        sources, columns=list(columns), schema=schema, missing_columns="insert", glob=False, hive_partitioning=False
    )
    return stored.select(pl.col(name).cast(SCHEMA.get(name, pl.String)) for name in columns)


def _read_file(system: fs.FileSystem, path: str, columns: Sequence[str]) -> pl.DataFrame:
    try:
        return _read(system, [path], columns)
    except pl.exceptions.PolarsError as error:
        problem = " ".join(str(error).split())
        raise InputError(
            Fault(f"archive {path}", f"is not a day of attempts: {problem}", "remove it, and fetch that day again")
        ) from None


def _read_day(system: fs.FileSystem, path: str) -> pl.DataFrame | None:
    """A stored day with every attempt's key; None if there is no such day."""
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return None
    return _read_file(system, path, [*SCHEMA, KEY]).with_columns(pl.coalesce(KEY, "call_sid").alias(KEY))


def _replace_day(system: fs.FileSystem, folder: str, attempts: pl.DataFrame) -> None:
    is_nameless = pl.col("call_sid").is_null()
    content = BytesIO()
    attempts.with_columns(pl.when(is_nameless).then(KEY).alias(KEY)).write_parquet(content, compression="zstd")
    system.create_dir(folder)
    replace_file(system, f"{folder}/{DAY_FILE}", lambda stream: stream.write(content.getvalue()))


def _with_keys(attempts: pl.DataFrame) -> pl.DataFrame:
    """The attempts with a key each: the call SID, or else a hash of time, phone and direction."""
    nameless = attempts.filter(pl.col("call_sid").is_null()).select("started_at", "client", "direction")
    seen: Counter[tuple[Any, ...]] = Counter()
    made = []
    for who in nameless.iter_rows():
        at, client, direction = who
        text = f"{at.isoformat()}|{client or ''}|{direction or ''}|{seen[who]}"
        made.append("EV" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
        seen[who] += 1
    keys = attempts["call_sid"]
    if made:
        keys = keys.scatter(keys.is_null().arg_true(), made)
    return attempts.with_columns(keys.alias(KEY))
