"""Files of JSON, a line each time that something happened."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

Data = TypeVar("Data")


def append(file: Path, line: Mapping[str, Any]) -> None:
    """Append the line, one run at a time, so that two never mix; a line that was cut short before it is ended first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        rest = (("\n" if is_cut else "") + json.dumps(line) + "\n").encode()
        # A disk that fills up takes a part, and refuses the rest.
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def load(file: Path, kind: type[Data]) -> list[Data]:
    """The lines of a file as objects of this data class; none where there is no file.

    Left out are lines that a full disk or a crash cut short, and fields that another version wrote.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # nothing tells a data class by its type
    loaded = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else ():
        with suppress(ValueError, TypeError, AttributeError):
            loaded.append(kind(**{name: value for name, value in json.loads(line).items() if name in known}))
    return loaded
