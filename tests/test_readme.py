"""The README names every runbook, and nothing that is not there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dialtone_nb.cli import rehearsal
from dialtone_nb.cli.arguments import build_parser

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_runbook_has_a_row_that_says_what_it_changes_and_how_to_undo_it(runbook: str) -> None:
    """A row of the table links to the notebook and has all four cells filled."""
    rows = [line for line in README.splitlines() if line.startswith(f"| [{runbook}](notebooks/{runbook}.ipynb)")]
    assert len(rows) == 1
    assert all(cell.strip() for cell in rows[0].strip("|").split("|")), rows[0]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    """A link or picture of the README is a file of the project, or a heading of its own."""
    if link.startswith("#"):
        headings = re.findall(r"^#+ (.*)", README, re.M)
        assert link[1:] in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        return
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.M))))
def test_every_make_command_exists(target: str) -> None:
    """A make command that the README names is a target of the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


BLOCKS = [block.splitlines() for block in re.findall(r"^```\n(.*?)^```", README, re.M | re.S)]
COMMANDS = sorted(
    {
        re.split(r"[#|]", line)[0].strip()
        for block in BLOCKS
        for line in block
        if line.startswith("python -m dialtone_nb")
    }
    | set(re.findall(r"`(python -m dialtone_nb [^`]+)`", README))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    """The command line takes it, options and all."""
    words = shlex.split(command)[3:]
    if words[0] == "rehearsal":
        rehearsal.build_parser().parse_args(words[1:])
    else:
        build_parser().parse_args(words)


@pytest.mark.parametrize("program", ["python -m dialtone_nb --help", "papermill --version", "jupyter lab --version"])
def test_the_first_block_makes_its_programs_those_of_the_set_up(program: str) -> None:
    """In a fresh shell, which may have no `python` at all."""
    assert sys.prefix != sys.base_prefix, "the tests run in the set-up"
    (activate,) = [line.partition("#")[0].strip() for line in BLOCKS[0] if "activate" in line]
    name = program.partition(" ")[0]
    script = f"{activate.replace('.venv', shlex.quote(sys.prefix))} && {program} && command -v {name}"
    fresh = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=fresh, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(sys.prefix)


# Variables of an environment at Twilio, not of this computer.
AT_TWILIO = {"DIALTONE_APPLIED", "DIALTONE_CLAIM"}


def test_every_variable_that_is_read_is_in_the_table_of_variables_and_no_other() -> None:
    """One place tells what can be set in the environment."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dialtone_nb").rglob("*.py"))
    read = set(re.findall(r'"(DIALTONE_[A-Z_]+)"', sources)) - AT_TWILIO
    table = README.partition("### Environment variables")[2].partition("\n\nA ")[0]
    assert set(re.findall(r"`(DIALTONE_[A-Z_]+)`", table)) == read
