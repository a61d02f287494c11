"""Attempts kept as Parquet: one folder per UTC day, upserted by call SID, each day replaced in one step."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from dialtone_nb.calls.frame import COLUMNS, make_frame
from dialtone_nb.errors import Fault, InputError

DAY_FILE: Final = "attempts.parquet"
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
    written = 0
    for day, attempts in _with_keys(frame).groupby(frame["started_at"].dt.strftime("%Y-%m-%d"), sort=True):
        folder = f"{root}/day={day}"
        before = _read_day(system, f"{folder}/{DAY_FILE}")
        after = pd.concat([before[~before["key"].isin(attempts["key"])], attempts]) if before is not None else attempts
        after = after.sort_values(["started_at", "key"], ignore_index=True)
        if before is None or not after.equals(before):
            _replace_day(system, folder, after)
            written += 1
    return written


def load_archive(archive: str, since: str = "", until: str = "") -> pd.DataFrame:
    """All attempts of the archive, or those of the days from `since` to `until` (2025-01-31), both included."""
    system, root = open_archive(archive)
    days = [
        info.path
        for info in system.get_file_info(fs.FileSelector(root, allow_not_found=True))
        if info.type == fs.FileType.Directory and info.base_name.startswith("day=")
    ]
    wanted = [path for path in sorted(days) if (since or "0") <= path.rpartition("day=")[2] <= (until or "9999-99-99")]
    tables = [_read_table(system, f"{path}/{DAY_FILE}") for path in wanted]
    if not tables:
        return make_frame({})
    together = pa.concat_tables(tables).select(list(COLUMNS)).to_pandas()
    return make_frame(together.to_dict("series"))


def open_archive(archive: str) -> tuple[fs.FileSystem, str]:
    """The file system and folder of an address such as s3://bucket/calls, or of a path on this machine."""
    if "://" in archive:
        system, root = fs.FileSystem.from_uri(archive)
        return system, root.rstrip("/")
    return fs.LocalFileSystem(), Path(archive).expanduser().resolve().as_posix()


def _read_table(system: fs.FileSystem, path: str) -> pa.Table:
    try:
        with system.open_input_file(path) as file:
            return pq.read_table(file, schema=SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            Fault(f"archive {path}", f"is no day of attempts: {error}", "remove it, and fetch that day again")
        ) from None


def _read_day(system: fs.FileSystem, path: str) -> pd.DataFrame | None:
    if system.get_file_info(path).type == fs.FileType.NotFound:
        return None
    table = _read_table(system, path).to_pandas()
    return make_frame(table[list(COLUMNS)].to_dict("series")).assign(key=table["key"].astype("str"))


def _replace_day(system: fs.FileSystem, folder: str, attempts: pd.DataFrame) -> None:
    """Write beside the day and move over it: a reader, or a crash, meets the old day or the new one, whole."""
    system.create_dir(folder)
    beside = f"{folder}/.{DAY_FILE}.new"
    with system.open_output_stream(beside) as stream:
        pq.write_table(pa.Table.from_pandas(attempts, schema=SCHEMA, preserve_index=False), stream, compression="zstd")
    system.move(beside, f"{folder}/{DAY_FILE}")


def _with_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a key per attempt: its call SID; without one, a hash of when, who and which way."""
    nth = frame.groupby(["started_at", "client", "direction"], dropna=False).cumcount()
    made = [
        "EV" + hashlib.blake2b(f"{at.isoformat()}|{client}|{direction}|{n}".encode(), digest_size=16).hexdigest()
        if pd.isna(sid)
        else sid
        for sid, at, client, direction, n in zip(
            frame["call_sid"], frame["started_at"], frame["client"], frame["direction"], nth, strict=True
        )
    ]
    return frame.assign(key=pd.Series(made, index=frame.index, dtype="str"))
