"""README and the pages that it links to list every runbook, and their links and commands are valid."""

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
PAGES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
PAGES |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "reports").glob("[rp]*.md")}
EVERYTHING = "\n".join(PAGES.values())
LINKS = sorted({(path, link) for path, text in PAGES.items() for link in re.findall(r"\]\(([^)]+)\)", text)})
RUNBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_every_runbook_has_a_row_that_says_what_it_changes_and_how_to_undo_it(runbook: str) -> None:
    """A row of the table links to the notebook and has all four cells."""
    rows = [line for line in README.splitlines() if line.startswith(f"| [{runbook}](notebooks/{runbook}.ipynb)")]
    assert len(rows) == 1
    assert all(cell.strip() for cell in rows[0].strip("|").split("|")), rows[0]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda part: part if isinstance(part, str) else part.stem)
def test_every_link_leads_somewhere(page: Path, link: str) -> None:
    """Links and pictures are files of the project, or headings in one."""
    name, _, heading = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    assert target.is_file()
    if heading:
        headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.M)
        assert heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_the_readme_can_be_read_at_a_sitting() -> None:
    """Special topics have pages of their own."""
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^)make ([a-z]+)", EVERYTHING, re.M))))
def test_every_make_command_exists(target: str) -> None:
    """Its target is in the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


BLOCKS = [block.splitlines() for block in re.findall(r"^```\n(.*?)^```", EVERYTHING, re.M | re.S)]
COMMANDS = sorted(
    {
        re.split(r"[#|]", line)[0].strip()
        for block in BLOCKS
        for line in block
        if line.startswith("python -m dialtone_nb")
    }
    | set(re.findall(r"`(python -m dialtone_nb [^`]+)`", EVERYTHING))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    """The command line accepts it with its options."""
    words = shlex.split(command)[3:]
    if words[0] == "rehearsal":
        rehearsal.build_parser().parse_args(words[1:])
    else:
        build_parser().parse_args(words)


@pytest.mark.parametrize("program", ["python -m dialtone_nb --help", "papermill --version", "jupyter lab --version"])
def test_the_first_block_makes_its_programs_those_of_the_set_up(program: str) -> None:
    """In a new shell, which may have no `python`."""
    assert sys.prefix != sys.base_prefix, "the tests run in the set-up"
    (activate,) = [line.partition("#")[0].strip() for line in BLOCKS[0] if "activate" in line]
    name = program.partition(" ")[0]
    script = f"{activate.replace('.venv', shlex.quote(sys.prefix))} && {program} && command -v {name}"
    fresh = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=fresh, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(sys.prefix)


# Variables of a Twilio environment, not of this computer.
AT_TWILIO = {"DIALTONE_APPLIED", "DIALTONE_CLAIM"}


def test_every_variable_that_is_read_is_in_the_table_of_variables_and_no_other() -> None:
    """One place lists all variables of the environment."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dialtone_nb").rglob("*.py"))
    read = set(re.findall(r'"(DIALTONE_[A-Z_]+)"', sources)) - AT_TWILIO
    table = EVERYTHING.partition("## Environment variables")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(DIALTONE_[A-Z_]+)`", table)) == read
