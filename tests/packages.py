"""Packages of this environment: what files pin, and links to them in another environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(file: Path) -> dict[str, str]:
    """The exact versions in a file; a lock file has hashes on separate lines."""
    lines = (file.read_text(encoding="utf-8").replace("\\\n", "#")).splitlines()
    plain = (line.partition("#")[0].strip() for line in lines)
    requirements = [Requirement(line) for line in plain if line and not line.startswith("-")]
    for one in requirements:
        assert re.fullmatch(r"==[\w.]+", str(one.specifier)), f"{file.name}: {one} is no exact version"
    return {canonicalize_name(one.name): str(one.specifier)[2:] for one in requirements}


def link_packages(packages: Iterable[str], site: Path) -> None:
    """Link installed packages into the site-packages of another environment."""
    for installed in map(distribution, packages):
        for top in {file.parts[0] for file in installed.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(installed.locate_file(top))))
