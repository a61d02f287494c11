"""The runbook watch and its command, on the rehearsal: findings, messages, exit codes and files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from dialtone_nb.__main__ import main
from dialtone_nb.account.account import Account, open_account
from dialtone_nb.account.rehearsal_control import place_call
from dialtone_nb.alarms.rules import CHECKS
from dialtone_nb.cli.keep_notebooks import with_phones
from dialtone_nb.display.alarms import look_html
from dialtone_nb.errors import UnknownOutcomeError
from dialtone_nb.parameters import SAMPLE
from dialtone_nb.runbooks import watch
from dialtone_nb.runbooks.steps.opening import Runbook
from dialtone_nb.runbooks.steps.workspace import open_site
from dialtone_nb.runbooks.verify import verify_site
from tests.alarms.mail_server import Mailbox, mail_server

ROOT = Path(__file__).parents[2]
SECRET = "h0rse-battery"
CALL_FOR_HELP = {"client": "workbench", "dial": "911", "domain": "dialtone-example-stage.sip.twilio.com"}
HELP = '  help: {watches: emergency, tell: [mail], runbook: explore, parameters: {client: "{phone}"}}'
LIVE = """  live:
    watches: check
    checks: ["live build of *"]
    tell: [mail, exit-code]
    runbook: deploy
    parameters: {environment: "{environment}"}"""
Say = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state file of a rehearsal with stage deployed and its two phones set up, made once."""
    state = tmp_path_factory.mktemp("watch") / "state.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALTONE_REHEARSAL_STATE", str(state))
        patch.setenv("DIALTONE_REPORTS", str(state.parent / "reports"))
        with_phones(ROOT)
        yield state


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server."""
    with mail_server() as box:
        yield box


@pytest.fixture
def account(state: Path, tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    """That rehearsal, with separate reports and parameters: a rule that mails emergency calls."""
    monkeypatch.setenv("DIALTONE_REPORTS", str(tmp_path / "reports"))
    folder = tmp_path / "parameters"
    shutil.copytree(ROOT / SAMPLE, folder)
    monkeypatch.setenv("DIALTONE_PARAMETERS", str(folder))
    monkeypatch.setenv("DIALTONE_MAIL_PASSWORD", SECRET)
    (folder / "watch.yaml").write_text(
        f"""
rules:
{HELP}
mail:
  mail: {{host: 127.0.0.1, port: {box.port}, security: none, user: me, sender: a@example.org, to: [b@example.org]}}
""",
        encoding="utf-8",
    )
    account = open_account("rehearsal", ROOT)
    account.wait(3 * 86_400)  # what earlier tests called is no news
    return account


@pytest.fixture
def run(account: Account, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run the command on stage and return its exit code and output."""

    def run(*options: str) -> tuple[int, str]:
        code = main(["watch", "-r", "environment", "stage", *options])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def subjects(box: Mailbox) -> list[str]:
    """The subjects of the mail received."""
    return [" ".join(str(one["Subject"]).split()) for one in box.letters]


def test_an_emergency_call_is_mailed_once_with_what_to_run(
    run: Say, account: Account, box: Mailbox, tmp_path: Path
) -> None:
    """No mail before and after; it has the phone, the address and the runbook."""
    assert run() == (0, "Watch stage: no alarm\n")
    place_call(account, CALL_FOR_HELP)
    code, said = run()
    assert code == 0
    assert "Watch stage: 1 alarm: workbench called 911: answered" in said
    (letter,) = box.letters
    text = letter.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert "100 Alder Street" in text.decode()
    assert "What to do: python -m dialtone_nb run explore -r client workbench" in text.decode()
    assert run() == (0, "Watch stage: no alarm\n")
    assert "Alder Street" not in said
    assert len(box.letters) == 1
    kept = (tmp_path / "reports" / "rehearsal" / "alarms-stage.json").read_text("utf-8")
    assert SECRET not in kept + said + str(letter)
    assert json.loads(kept)["waiting"] == []


def test_a_live_build_other_than_the_files_goes_on_until_it_is_deployed(run: Say, box: Mailbox, tmp_path: Path) -> None:
    """Messages at start and end; meanwhile the exit code is 2."""
    rules, dialplan = (tmp_path / "parameters" / name for name in ("watch.yaml", "dialplan.yaml"))
    rules.write_text(rules.read_text("utf-8").replace(HELP, LIVE), encoding="utf-8")
    text = dialplan.read_text("utf-8")
    dialplan.write_text(text.replace("Nobody answered.", "Nobody is there."), encoding="utf-8")
    code, said = run()
    assert code == 2
    assert "! stage: live build of stage: differs from the files in" in said
    assert "python -m dialtone_nb run deploy -r environment stage" in said
    dialplan.write_text(text, encoding="utf-8")
    assert run()[0] == 0
    assert [":".join(one.split(":")[:2]) for one in subjects(box)] == [
        "[dialtone] REHEARSAL: stage",
        "[dialtone] REHEARSAL: over",
    ]


def test_a_mail_server_that_refuses_is_listed_and_tried_again(run: Say, account: Account, box: Mailbox) -> None:
    """The exit code is 4 until the message is accepted."""
    box.replies = {"AUTH": "535 no"}
    place_call(account, CALL_FOR_HELP)
    code, said = run()
    assert code == 4
    assert (
        "not delivered to mail, tried once: mail server 127.0.0.1 answers 535: user name or password is wrong" in said
    )
    assert run()[0] == 4
    runbook_page = look_html(watch.look_for_alarms(opened()))
    assert "not delivered, tried 2 times" in runbook_page
    box.replies = {}
    assert run()[0] == 0
    assert len(box.letters) == 1


def opened() -> Runbook:
    """The runbook as JupyterLab opens it, which sends no message."""
    from dialtone_nb.cli.arguments import build_parser
    from dialtone_nb.cli.watch import open_watch
    from dialtone_nb.runbooks.steps.parameters_cell import Given

    asked = build_parser().parse_args(["watch", "--show"])
    return open_watch(asked, {"environment": Given("stage", "test")}, ROOT)


def test_show_tells_nobody_and_keeps_nothing(run: Say, account: Account, box: Mailbox, tmp_path: Path) -> None:
    """It prints the messages that would be sent."""
    place_call(account, CALL_FOR_HELP)
    code, said = run("--show")
    assert (code, box.letters, (tmp_path / "reports").exists()) == (0, [], False)
    assert "~ would be told to mail: workbench called 911: answered" in said


def test_a_test_message_arrives_or_says_why_not(run: Say, box: Mailbox) -> None:
    """Over each channel, whatever its rules find."""
    assert run("--test") == (0, "mail: the message was taken\n")
    assert subjects(box) == ["[dialtone] REHEARSAL: a test: messages of the watch arrive here"]
    box.replies = {"RCPT": "550 no"}
    assert run("--test") == (1, "mail: mail server 127.0.0.1 refuses b@example.org\n")


def test_a_missing_secret_ends_with_5_before_anything(
    run: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error says where to set it; `show` does not need it."""
    monkeypatch.setenv("DIALTONE_MAIL_PASSWORD", "")
    code, said = run()
    assert (code, (tmp_path / "reports").exists()) == (5, False)
    assert said.startswith("DIALTONE_MAIL_PASSWORD: is not set, and the channel mail of watch.yaml needs it; set it in")
    assert run("--show")[0] == 0


def test_where_twilio_is_away_rules_say_that_they_cannot_look(
    run: Say, box: Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The exit code is 1, and no alarm ends."""

    rules = tmp_path / "parameters" / "watch.yaml"
    rules.write_text(rules.read_text("utf-8").replace(HELP, f"{HELP}\n{LIVE}"), encoding="utf-8")

    def away(*_: object, **__: object) -> None:
        raise UnknownOutcomeError("GET /Calls.json: no answer", method="GET", path="/Calls.json")

    monkeypatch.setattr(watch, "load_calls", away)
    monkeypatch.setattr(watch, "verify_site", away)
    code, said = run()
    assert code == 1
    assert "2 of 2 rules can't look" in said
    assert "? live can't look: GET /Calls.json: no answer" in said
    assert box.letters == []


def test_every_check_of_verify_can_be_waited_for(account: Account) -> None:
    """The names that rules may have are those of verify's checks."""
    runbook = opened()
    names = [check.name for check in verify_site(open_site(runbook, "stage")).checks]
    assert [name for name in names if not any(fnmatchcase(name, known) for known in CHECKS)] == []


def test_a_rule_that_is_wrong_ends_with_5_and_tells_nobody(run: Say, box: Mailbox, tmp_path: Path) -> None:
    """Whatever the command's action is."""
    rules = tmp_path / "parameters" / "watch.yaml"
    rules.write_text(rules.read_text("utf-8").replace("emergency", "emergencies"), encoding="utf-8")
    for options in ((), ("--show",), ("--test",), ("--prometheus",)):
        code, said = run(*options)
        assert (code, box.letters) == (5, [])
        assert "rules.help.watches: must be a known one, not 'emergencies'" in said


def test_the_rows_are_printed_for_prometheus(run: Say) -> None:
    """A rules file for Prometheus."""
    code, said = run("--prometheus")
    assert code == 0
    assert "- alert: Help\n" in said
    assert "runbook: python -m dialtone_nb run explore" in said
