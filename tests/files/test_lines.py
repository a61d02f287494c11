"""Files of JSON lines: whole lines are appended and loaded, whatever a crash or a full disk left between them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from dialtone_nb.files.lines import append, load


@dataclass(frozen=True)
class Step:
    """Something that happened."""

    name: str
    took: int = 0


def test_lines_come_back_as_they_were_appended(tmp_path: Path) -> None:
    file = tmp_path / "reports" / "steps.jsonl"
    assert load(file, Step) == []
    for line in ({"name": "first\u2028one"}, {"name": "second", "took": 2}):
        append(file, line)
    assert load(file, Step) == [Step("first\u2028one"), Step("second", 2)]


@pytest.mark.parametrize(
    "damage", ['{"name": "cu', '{"name": "cu\n', "\n\n", "[1]\n", "null\n", '{"took": 1}\n', "\xff"]
)
def test_a_damaged_line_costs_no_other(tmp_path: Path, damage: str) -> None:
    """A line that was cut short is not continued by the next one."""
    file = tmp_path / "steps.jsonl"
    append(file, {"name": "before"})
    with file.open("a", encoding="latin-1") as stream:
        stream.write(damage)
    append(file, {"name": "after"})
    assert load(file, Step) == [Step("before"), Step("after")]


def test_fields_of_another_version_are_left_out(tmp_path: Path) -> None:
    append(tmp_path / "steps.jsonl", {"name": "new", "colour": "blue"})
    assert load(tmp_path / "steps.jsonl", Step) == [Step("new")]


def test_a_disk_that_takes_half_a_line_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    room = iter([5, 0])

    def write_what_fits(descriptor: int, data: bytes) -> int:
        if fits := next(room):
            return write(descriptor, data[:fits])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_what_fits)
        with pytest.raises(OSError, match="No space"):
            append(tmp_path / "steps.jsonl", {"name": "lost"})
    append(tmp_path / "steps.jsonl", {"name": "next"})
    assert load(tmp_path / "steps.jsonl", Step) == [Step("next")]
