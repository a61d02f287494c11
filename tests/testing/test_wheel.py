"""The wheel: it has every file of the package, and the rehearsal works with only its extra."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages import link_packages

ROOT = Path(__file__).parents[2]
# What runbooks and reports need, and tests that others write do not.
RUNBOOKS = {
    "jupyterlab",
    "ipykernel",
    "ipython",
    "notebook",
    "papermill",
    "nbconvert",
    "pandas",
    "polars",
    "plotly",
    "numpy",
}
BUILD = "from flit_core.buildapi import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
ASK = """
import urllib.request, sys
request = urllib.request.Request(sys.argv[1], headers={"Host": "rehearsal.localhost"})
print(urllib.request.urlopen(request).read().decode())
"""

THEIRS = """
import asyncio

from twilio.rest import Client

def test_theirs(twilio_client):
    async def buy():
        from twilio.http.async_http_client import AsyncTwilioHttpClient

        async with AsyncTwilioHttpClient() as http:
            await Client(http_client=http).incoming_phone_numbers.create_async(phone_number="+15035550142")

    asyncio.run(buy())
    assert len(twilio_client.incoming_phone_numbers.list()) == 1
"""


def tracked() -> list[str]:
    """The package's files in git."""
    listed = ["git", "ls-files", "-z", "dialtone_nb", "pyproject.toml", "README.md", "LICENSE"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a clean checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-c", BUILD, str(folder)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True).stdout
    return folder / built.strip()


def needed(*requirements: str) -> set[str]:
    """All dependencies of these packages, by the installed metadata."""
    found: set[str] = set()
    left = [Requirement(one) for one in requirements]
    seen: set[str] = set()
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        if (key := f"{name}{sorted(one.extras)}") in seen:
            continue
        seen.add(key)
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:  # of another system
            continue
        found.add(name)
        for line in map(Requirement, lines):
            if line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in {"", *one.extras}):
                left.append(line)
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and its extra `rehearsal`: links to what pip would install."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    link_packages(needed("dialtone-nb[rehearsal]") - {"dialtone-nb"}, site)
    return folder


def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    """Data files, templates and scripts as well."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == {name for name in tracked() if name.startswith("dialtone_nb/")}


def test_the_rehearsal_brings_no_runbooks() -> None:
    """Some forty packages, and none for drawing, counting or notebooks."""
    packages = needed("dialtone-nb[rehearsal]")
    assert packages & RUNBOOKS == set()
    assert len(packages) <= 46, sorted(packages)


def test_the_command_starts_on_it(environment: Path, tmp_path: Path) -> None:
    """By its entry point; it answers, without anything of this checkout."""
    metadata = next(environment.glob("lib/python*/site-packages/dialtone_nb-*/entry_points.txt")).read_text()
    assert "twilio-rehearsal=dialtone_nb.cli.rehearsal:command" in metadata
    python = environment / "bin" / "python"
    start = "from dialtone_nb.cli.rehearsal import command; raise SystemExit(command())"
    started = [str(python), "-I", "-c", start, "--state", str(tmp_path / "state.db")]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout
            url = next(found[1] for line in process.stdout if (found := re.match(r"URL +(\S+)", line)))
            told = subprocess.run(
                [str(python), "-I", "-c", ASK, url], capture_output=True, text=True, check=True
            ).stdout
            assert "This is not Twilio." in told
        finally:
            process.terminate()
    assert process.returncode == 0


def test_the_plugin_works_on_it(environment: Path, tmp_path: Path) -> None:
    """With pytest: a test that buys a number finds it in its account, with late imports of asyncio too."""
    site = next(environment.glob("lib/python*/site-packages"))
    link_packages(needed("pytest"), site)
    tmp_path.joinpath("test_theirs.py").write_text(THEIRS, encoding="utf-8")
    command = [str(environment / "bin" / "python"), "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
