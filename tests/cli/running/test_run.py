"""`python -m dialtone_nb run`: what it rejects before a kernel starts, what it writes, and how it ends."""

from __future__ import annotations

import ast
import errno
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from papermill.iorw import write_ipynb

from dialtone_nb.__main__ import main
from dialtone_nb.cli.running import forked_kernels
from dialtone_nb.cli.running.forked_kernels import IMPORT_KERNEL, Forks, forking
from dialtone_nb.cli.running.report_files import choose_report_files
from dialtone_nb.cli.running.run import SAVING_SHARE, chapter_of, error_lines, exit_code_of, seldom
from dialtone_nb.display.outputs import LINES, PLAN, RESULT
from dialtone_nb.errors import ApplyError, ConsentError, DialtoneError, HeldError, TwilioError
from tests.runbooks.conftest import Write

ROOT = Path(__file__).parents[3]
Capture = pytest.CaptureFixture[str]


def ends_with(exit_code: int, summary: str) -> str:
    """A cell whose output has the runbook's result."""
    bundle = {RESULT: {"exit_code": exit_code, "summary": summary}, "text/plain": summary}
    return f"from IPython.display import display\ndisplay({bundle!r}, raw=True)"


def refused(capsys: Capture, *arguments: str) -> list[str]:
    """The lines of an error with exit code 5 that leaves no file."""
    assert main(["run", *arguments]) == 5
    assert not Path("reports").exists()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks | None]:
    """A process to fork kernels off."""
    with forking() as made:
        yield made


@pytest.fixture(autouse=True)
def forked(forks: Forks | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the kernels of runs in this process, for the sake of time; processes of their own have theirs."""
    monkeypatch.setattr("dialtone_nb.__main__.FORKS", forks)


@pytest.fixture(autouse=True)
def small(write_runbook: Write) -> None:
    """A runbook with an output for the terminal."""
    write_runbook("small", ends_with(0, "nothing to do"))


def test_a_run_ends_with_0_and_leaves_an_executed_copy_and_a_page(project: Path, capsys: Capture) -> None:
    """The terminal shows the runbook's result and the path of its page, which the index lists."""
    assert main(["run", "small", "-p", "days", "3", "-r", "consent", "007"]) == 0
    folder = project / "reports" / "rehearsal" / "stage"
    assert capsys.readouterr().out.splitlines() == [
        "Small runbook, rehearsal, stage",
        "nothing to do",
        "see reports/rehearsal/stage/small.html",
    ]
    executed = json.loads((folder / "small.ipynb").read_text())
    injected = ["".join(cell["source"]) for cell in executed["cells"] if "injected-parameters" in str(cell["metadata"])]
    assert injected == ['# Parameters\ndays = 3\nconsent = "007"\n']
    assert "REHEARSAL" in (folder / "small.html").read_text()
    index = (project / "reports" / "index.html").read_text()
    assert 'href="rehearsal/stage/small.html"' in index
    assert "nothing to do" in index


def test_a_run_that_plans_leaves_its_plan_for_other_programs(project: Path, write_runbook: Write) -> None:
    """The last plan is saved beside the page, even if the run failed; a later run without a plan removes it."""
    show = "from IPython.display import display\n" + "\n".join(
        f"display({ {PLAN: {'title': title}, 'text/plain': title}!r}, raw=True)" for title in ("first", "Deploy stage")
    )
    plan = project / "reports" / "rehearsal" / "stage" / "small.plan.json"
    for source, is_left in ((f"{show}\nraise ValueError", True), ("1", False), (show, True)):
        write_runbook("small", source)
        main(["run", "small"])
        assert plan.exists() == is_left
        assert not is_left or json.loads(plan.read_text()) == {"title": "Deploy stage"}


FINGERPRINT = f"plan-{'0123456789abcdef' * 4}"
SHOW_PLAN = (
    "from IPython.display import display\n"
    f"display({ {PLAN: {'fingerprint': FINGERPRINT}, 'text/plain': 'a plan'}!r}, raw=True)\n"
)


@pytest.mark.parametrize(
    ("ending", "consent"),
    [
        (ends_with(2, "3 changes wait for consent"), f"--consent {FINGERPRINT}"),
        ("from dialtone_nb.errors import ConsentError\nraise ConsentError('no')", f"--consent {FINGERPRINT}"),
        ("from dialtone_nb.errors import StalePlanError\nraise StalePlanError('changed')", ""),
    ],
)
def test_the_next_command_stands_alone_on_the_last_line(
    write_runbook: Write, capsys: Capture, ending: str, consent: str
) -> None:
    """The same command, quoted for the shell, with the plan's consent, or without one to plan again."""
    write_runbook("small", SHOW_PLAN + ending)
    Path("my own.yaml").write_text("days: 3\n")
    typed = ["small", "--with", "my own.yaml", "-p", "loud", "true", "-r", "environment", "stage"]
    main(["run", *typed, "-p", "consent", "yes", "--consent", "plan-of-yesterday"])
    last = capsys.readouterr().out.splitlines()[-1]
    expected = "python -m dialtone_nb run small --with 'my own.yaml' -p loud true -r environment stage"
    assert last == f"{expected} {consent}".rstrip()


PLANNED = (
    "Set up porch: 1 to create; costs 1.15 USD a month\n+ phone number  +15035550107  (not there yet)\n"
    "    emergency_address: 7 Quay Street\n    ! costs 1.15 USD a month\nnote: porch has none of +44 20 7946 0018\n"
    f'consent: this plan\'s fingerprint "{FINGERPRINT}"'
)
SHOW_PURCHASE = (
    "from IPython.display import display\n"
    f"display({ {PLAN: {'fingerprint': FINGERPRINT}, 'text/plain': PLANNED}!r}, raw=True)\n"
)


def test_without_consent_the_plan_itself_is_on_the_terminal(
    write_runbook: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The changes and their cost; the possible consent is in the last line only."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    write_runbook("small", SHOW_PURCHASE + ends_with(2, "nothing was done"))
    assert main(["run", "small"]) == 2
    told = capsys.readouterr().out
    assert PLANNED.partition("\nconsent: ")[0] in told
    assert told.count(FINGERPRINT) == 1


def test_a_checkout_that_can_only_be_read_is_told_before_the_run_with_the_repair(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No write is attempted in it; with --output the same run works, and is in an index there."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != project)
    assert refused(capsys, "small") == [
        f"{project}/reports: {project} can't be written to; name another folder with --output"
    ]
    (project / "elsewhere").mkdir()
    assert main(["run", "small", "--output", "elsewhere/out"]) == 0
    assert 'href="small.html"' in (project / "elsewhere" / "out" / "index.html").read_text()


@pytest.mark.parametrize("folder", ["out", "../beyond"])
def test_record_and_journal_follow_the_output_folder(project: Path, capsys: Capture, folder: str) -> None:
    """reports/ stays unused, as it may be in a read-only checkout."""
    shutil.copy(ROOT / "notebooks" / "deploy.ipynb", project / "notebooks")
    assert main(["run", "deploy", "-r", "environment", "stage", "--consent", "stage", "--output", folder]) == 0
    assert {path.name for path in (project / folder / "rehearsal").iterdir()} == {"record.jsonl", "journal.jsonl"}
    assert not (project / "reports").exists()


@pytest.mark.parametrize("refused", ["dialtone_nb.report.page.write_whole", "papermill.execute.write_ipynb"])
@pytest.mark.parametrize(
    ("ending", "exit_code", "told"),
    [
        (ends_with(0, "all 29 changes done"), 1, "all 29 changes done"),
        (ends_with(2, "6 checks wrong"), 2, "6 checks wrong"),
        (
            "from dialtone_nb.errors import ApplyError\nraise ApplyError('1 of 29 changes done')",
            4,
            "1 of 29 changes done",
        ),
    ],
)
def test_a_full_disk_is_one_line_and_what_was_done_is_told_all_the_same(
    write_runbook: Write,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
    ending: str,
    exit_code: int,
    told: str,
) -> None:
    """It is not taken for bad input, after which nothing would have changed; the line names the file."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "reports/small.html")

    write_runbook("small", ending)
    monkeypatch.setattr(refused, full)
    assert main(["run", "small"]) == exit_code
    captured = capsys.readouterr()
    assert told in captured.out + captured.err
    assert "see " not in captured.out
    assert captured.err.splitlines()[-1].startswith("reports/small.html: No space left on device; make room")


def test_a_copy_that_cannot_be_saved_on_the_way_ends_no_run(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may have room again when the run ends."""
    saves = 0

    def full_for_a_while(notebook: object, path: str) -> None:
        nonlocal saves
        saves += 1
        if saves > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_ipynb(notebook, path)

    monkeypatch.setattr("papermill.engines.write_ipynb", full_for_a_while)
    assert main(["run", "small"]) == 1
    assert "nothing to do" in capsys.readouterr().out
    assert saves > 1


def test_help_lists_the_runbooks_and_the_exit_codes_in_order(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines have at most 80 columns; an unreadable notebook is listed too."""
    monkeypatch.setenv("COLUMNS", "80")
    (project / "notebooks" / "torn.ipynb").write_text("{")
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    told = capsys.readouterr().out.splitlines()
    assert max(map(len, told)) <= 80
    assert told[told.index("runbooks:") + 1 :][:2] == ["  small  Small runbook", "  torn"]
    codes = [line.split()[0] for line in told[told.index("ends with:") + 1 :]]
    assert codes == ["0", "1", "2", "3", "4", "5"]


SHOW_LINES = (
    "from IPython.display import display\n"
    f"display({ {LINES: ['two numbers', '  one of them'], 'text/plain': 'a table'}!r}, raw=True)\n"
)


@pytest.mark.parametrize("ending", [ends_with(0, "done"), "raise ValueError('no')"])
def test_lines_that_an_output_has_for_the_terminal_are_printed_as_they_are(
    write_runbook: Write, capsys: Capture, ending: str
) -> None:
    """Even if the run fails later, as the findings often say how to repair it."""
    write_runbook("small", SHOW_LINES + ending)
    main(["run", "small"])
    assert capsys.readouterr().out.splitlines()[1:3] == ["two numbers", "  one of them"]


def test_a_workflows_summary_has_the_plan_without_numbers_and_settings(
    write_runbook: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    """Summary and log may be public: a number is shown by its last two digits, a street not at all."""
    write_runbook("small", SHOW_PURCHASE + ends_with(2, "nothing was done for +15035550107"))
    step, comment = tmp_path / "step.md", tmp_path / "comment.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    step.write_text("before\n")
    assert main(["run", "small", "--summary", str(comment)]) == 2
    assert "7 Quay Street" not in capsys.readouterr().out
    text = comment.read_text()
    assert step.read_text() == f"before\n{text}"
    assert text.splitlines() == [
        "### Small runbook, rehearsal, stage",
        "",
        "nothing was done for …07",
        "",
        "````text",
        "Set up porch: 1 to create; costs 1.15 USD a month",
        "+ phone number  …07  (not there yet)",
        "    ! costs 1.15 USD a month",
        "note: porch has none of …18",
        "````",
        "",
        f"To apply it, give its fingerprint as consent: `{FINGERPRINT}`",
        "",
    ]


def test_what_was_applied_has_no_plan_to_approve_in_the_summary(
    write_runbook: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It does have the error that stopped a run."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    write_runbook("small", SHOW_PURCHASE + "from dialtone_nb.errors import ApplyError\nraise ApplyError('stopped')")
    assert main(["run", "small"]) == 4
    assert (tmp_path / "step.md").read_text() == "### Small runbook, rehearsal, stage\n\nstopped\n\n"


def test_a_summary_that_cannot_be_written_is_refused_before_the_run(capsys: Capture) -> None:
    """The error names the file."""
    assert refused(capsys, "small", "--summary", "nowhere/plan.md") == [
        "--summary: nowhere is not a folder; name a file in one that there is"
    ]
    assert refused(capsys, "small", "--summary", ".") == ["--summary: . is a folder; name a file"]


@pytest.mark.parametrize(
    "ending", [ends_with(0, "nothing to do"), "from dialtone_nb.errors import ApplyError\nraise ApplyError('stopped')"]
)
def test_where_no_consent_is_asked_for_there_is_no_next_command(
    write_runbook: Write, capsys: Capture, ending: str
) -> None:
    """Whether the run succeeded or stopped midway, the last line is the page's path."""
    write_runbook("small", SHOW_PLAN + ending)
    main(["run", "small"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("see ")


def test_the_printed_command_applies_the_plan_once(project: Path) -> None:
    """Run in a shell it applies the plan; run again it is rejected, and the current plan is offered."""
    shutil.copy(ROOT / "notebooks" / "deploy.ipynb", project / "notebooks")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIALTONE_")}

    def paste(command: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            ["sh", "-c", command], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    code, said = paste(f"{shlex.quote(sys.executable)} -m dialtone_nb run deploy -r environment stage")
    assert code == 2
    command = said[-1]
    words = shlex.split(command)
    assert words[-2] == "--consent"
    assert paste(command)[0] == 0
    assert main(words[words.index("run") :]) == 3


@pytest.mark.parametrize(
    ("raised", "exit_code", "told"),
    [
        ('ConsentError("the plan is another one by now")', 3, "the plan is another one by now"),
        ('ApplyError("stopped after 2 of 5 changes")', 4, "stopped after 2 of 5 changes"),
        (
            'CredentialsError(Fault(".env", "has no TWILIO_ACCOUNT_SID", "add it"))',
            5,
            ".env: has no TWILIO_ACCOUNT_SID; add it",
        ),
        ('ValueError("oh\\nno")', 1, "ValueError: oh"),
    ],
)
def test_an_error_in_a_cell_is_told_in_its_own_line_and_sets_the_exit_code(
    project: Path, write_runbook: Write, capsys: Capture, raised: str, exit_code: int, told: str
) -> None:
    """The terminal shows no traceback; the executed copy and the page are written."""
    write_runbook("deploy", f"from dialtone_nb.errors import *\nraise {raised}")
    assert main(["run", "deploy", "--output", "out"]) == exit_code
    assert capsys.readouterr().err.splitlines() == [told]
    assert (project / "out" / "deploy.ipynb").is_file()
    assert (project / "out" / "deploy.html").is_file()


def test_a_kernel_that_dies_is_said_to_have_died(write_runbook: Write, capsys: Capture) -> None:
    """A dead kernel leaves no error to show, and the exit code is 1."""
    write_runbook("deploy", "import os\nos._exit(9)")
    assert main(["run", "deploy"]) == 1
    assert "the kernel died" in capsys.readouterr().err


def test_every_error_of_ours_has_its_exit_code_by_name() -> None:
    """papermill passes on only an error's name."""
    for error in (DialtoneError, ConsentError, HeldError, ApplyError, TwilioError):
        assert exit_code_of(error.__name__) == error.exit_code
    assert exit_code_of("ZeroDivisionError") == 1
    assert error_lines("ParametersError", "one\ntwo") == ("one", "two")
    assert error_lines("KeyboardInterrupt", "") == ("KeyboardInterrupt: KeyboardInterrupt",)


def test_an_unknown_runbook_is_refused(capsys: Capture) -> None:
    """The nearest name is suggested."""
    assert refused(capsys, "smal") == ["runbook smal: there is no notebooks/smal.ipynb; did you mean 'small'?"]


def test_every_fault_of_a_file_is_told_with_its_line(project: Path, capsys: Capture) -> None:
    """Unknown keys, texts that YAML reads as numbers or dates, and undeclared environments."""
    Path("mine.yaml").write_text("enviroment: stage\nconsent: 0123\nenvironment: prd\ndays: 2026-03-01\n")
    assert refused(capsys, "small", "--with", "mine.yaml") == [
        "mine.yaml:1 enviroment: small has no parameter 'enviroment'; did you mean 'environment'?",
        "mine.yaml:2 consent: 123 is not text; put it in quotes, or pass it with -r consent VALUE",
        "mine.yaml:4 days: 2026-03-01 is not a whole number; write it like 7",
        "mine.yaml:3 environment: the environment 'prd' is not declared in network.yaml; did you mean 'prod'?",
    ]


def test_files_that_are_absent_or_hold_no_parameters_are_refused_together(project: Path, capsys: Capture) -> None:
    """Each file is named."""
    Path("list.yaml").write_text("- stage\n")
    Path("broken.yaml").write_text("a: [1\n")
    lines = refused(capsys, "small", "--with", "absent.yaml", "--with", "list.yaml", "--with", "broken.yaml")
    assert [line.split(":")[0] for line in lines] == ["absent.yaml", "list.yaml", "broken.yaml"]


def test_a_later_option_wins_over_a_file_and_an_empty_file_says_nothing(project: Path, capsys: Capture) -> None:
    """--with files come first, in their order, then -p, -r and --consent; an empty file changes nothing."""
    Path("prod.yaml").write_text("environment: prod\n")
    Path("empty.yaml").write_text("# nothing\n")
    assert refused(capsys, "small", "--with", "prod.yaml", "--with", "empty.yaml", "-p", "environment", "x")[
        0
    ].startswith("-p environment: the environment 'x'")


def test_a_parameter_takes_its_declared_type_whatever_it_looks_like(capsys: Capture) -> None:
    """Unlike papermill's, our -p keeps text as text; a value that does not fit the type is rejected."""
    lines = refused(
        capsys, "small", "-p", "consent", "12e45678", "-p", "days", "x", "-p", "loud", "maybe", "-r", "share", "1"
    )
    assert [line.split(":")[0] for line in lines] == ["-p days", "-r share", "-p loud"]


def test_consent_to_a_runbook_that_asks_for_none_is_refused(write_runbook: Write, capsys: Capture) -> None:
    """Otherwise somebody could believe to have consented."""
    write_runbook("verify", parameters='account: str = "rehearsal"  # whose')
    assert refused(capsys, "verify", "--consent", "stage") == [
        "--consent: verify has no parameter 'consent'; known are account"
    ]


@pytest.mark.parametrize(
    "arguments", [[], ["rnu"], ["run"], ["run", "small", "--wiht", "x"], ["run", "small", "-p", "a"]]
)
def test_a_bad_command_line_is_bad_input(capsys: Capture, arguments: list[str]) -> None:
    """argparse would return 2, which means differences here."""
    assert main(arguments) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m dialtone_nb")
    assert line.endswith("--help")


def test_a_real_process_ends_with_the_exit_code(project: Path) -> None:
    """The exit code that a pipeline sees."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "Asia/Kathmandu"}
    command = [sys.executable, "-m", "dialtone_nb", "run", "small", "-p", "environment", "nowhere"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_a_kernel_is_forked_off_a_process_that_has_imported_it_meanwhile(project: Path, write_runbook: Write) -> None:
    """It ends with the command."""
    looks = "import os; parent = open(f'/proc/{os.getppid()}/cmdline').read()\n"
    cell = looks + ends_with(0, "PARENT").replace("'PARENT'", "f'{os.getppid()} {parent!r}'")
    write_runbook("looks", cell)
    command = [sys.executable, "-m", "dialtone_nb", "run", "looks"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    parent, _, how = done.stdout.splitlines()[1].partition(" ")
    assert forked_kernels.__name__ in how
    assert not Path("/proc", parent).exists()


def test_a_reader_who_has_had_enough_is_no_error() -> None:
    """For example head closing the pipe: there is no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "dialtone_nb", "watch", "--prometheus"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_runs_on_twilio_keep_their_own_files_and_rehearsals_replace_theirs() -> None:
    """A run on Twilio is kept as evidence, named by its UTC time; a rehearsal replaces the last one."""
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    files = choose_report_files(Path("r"), "deploy", {"account": "twilio", "environment": "prod"}, now)
    assert files.html == Path("r/prod/deploy-20260302T093000Z.html")
    files = choose_report_files(Path("r"), "report", {"account": "rehearsal", "environment": ""}, now)
    assert files.executed == Path("r/rehearsal/all/report.ipynb")


def test_each_phone_keeps_its_own_page() -> None:
    """Setting up one phone does not replace another phone's page."""
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    values = {"account": "rehearsal", "environment": "prod", "client": "lobby"}
    assert choose_report_files(Path("r"), "client_setup", values, now).html == Path(
        "r/rehearsal/prod/client_setup-lobby.html"
    )


@pytest.mark.parametrize(
    ("cell_type", "text", "chapter"),
    [
        ("markdown", "## Plan\n\nWhat would change.", "Plan"),
        ("markdown", "prose\n\n## Plan ##", "Plan"),
        ("markdown", "# Deploy\n\nprose", ""),
        ("markdown", "### Finer", ""),
        ("code", "## not a heading", ""),
    ],
)
def test_a_chapter_is_a_second_level_heading(cell_type: str, text: str, chapter: str) -> None:
    """During a run the terminal shows the current chapter."""
    assert chapter_of({"cell_type": cell_type, "source": text}) == chapter


@pytest.mark.parametrize(("takes", "saved"), [(0, 1_000), (2, 50)])
def test_a_copy_is_saved_each_time_unless_that_takes_more_than_its_share(takes: int, saved: int) -> None:
    now, saves = 0, 0

    def save() -> None:
        nonlocal now, saves
        now, saves = now + takes, saves + 1

    save_if_due = seldom(save, lambda: now)
    started = now
    while now < started + 1_000:
        save_if_due()
        now += 1
    assert saves == pytest.approx(saved, rel=0.1)
    assert saves * takes <= SAVING_SHARE * now


INTERRUPTED_AT = """
import os, runpy, signal, sys
class Pressed:
    def find_spec(self, name, path, target=None):
        if name == {0!r}:
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressed())
"""


@pytest.mark.parametrize(
    ("command", "module"), [("run", "dialtone_nb.cli.arguments"), ("rehearsal", "dialtone_nb.cli.rehearsal")]
)
def test_an_interrupt_during_imports_is_told_in_a_word(command: str, module: str) -> None:
    """Ctrl+C comes early, too; a traceback through other people's packages tells nobody anything."""
    script = f"{INTERRUPTED_AT.format(module)}sys.argv[1:] = [{command!r}, '--help']\n"
    script += "runpy.run_module('dialtone_nb', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0, done.stdout, done.stderr) == (True, "", "interrupted\n")


def test_a_kernel_that_is_interrupted_as_it_imports_says_nothing() -> None:
    """The run that ends it does."""
    script = f"{INTERRUPTED_AT.format('ipykernel')}{IMPORT_KERNEL}print('goes on')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("goes on\n", "")


def with_another_python(script: str) -> subprocess.CompletedProcess[str]:
    """The command in a Python from which packages were removed."""
    script += "; import runpy; runpy.run_module('dialtone_nb', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {script}"], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("script", "lacking"),
    [
        ("sys.modules['pydantic'] = None; sys.argv[1:] = ['run', 'deploy']", "the package pydantic"),
        ("sys.modules['uvicorn'] = None; sys.argv[1:] = ['rehearsal']", "the package uvicorn"),
        ("sys.version_info = (3, 8, 20, 'final', 0)", "what came with Python 3.11"),
    ],
)
def test_the_wrong_python_is_told_how_to_get_the_packages(script: str, lacking: str) -> None:
    """One line and exit code 5 if all packages or some are missing, or if the Python is too old."""
    done = with_another_python(script)
    assert (done.returncode, done.stdout) == (5, "")
    (line,) = done.stderr.splitlines()
    assert f"{sys.executable} lacks {lacking}: run `make setup` once" in line
    assert ". .venv/bin/activate" in line


def test_an_error_of_our_own_is_not_taken_for_a_missing_package() -> None:
    """Other import errors keep their traceback."""
    done = with_another_python("sys.modules['dialtone_nb.errors'] = None; sys.argv[1:] = ['run', 'deploy']")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py"])
def test_an_old_python_can_read_what_would_tell_it(name: str) -> None:
    """Python 3.8 can run the line that rejects it."""
    ast.parse((ROOT / "dialtone_nb" / name).read_text(encoding="utf-8"), feature_version=(3, 8))
