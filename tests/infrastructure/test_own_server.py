"""Self-hosting: our own server with the rehearsed Twilio; deploy, promote, roll back, and moving the hosting."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dialtone_nb.account import transport
from dialtone_nb.account.account import CONTROL
from dialtone_nb.calls.load import load_calls
from dialtone_nb.calls.now import take_snapshot
from dialtone_nb.calls.twilio_source.frame import Phone
from dialtone_nb.calls.twilio_source.server_log import ServerLog, log_source
from dialtone_nb.errors import AbsentError, HeldError, InputError, TwilioError
from dialtone_nb.infrastructure.claim import CLAIM, Claim, held
from dialtone_nb.infrastructure.resources import served_tables
from dialtone_nb.infrastructure.resources.builds import BUILD
from dialtone_nb.infrastructure.resources.credential_lists import CREDENTIAL_LIST
from dialtone_nb.infrastructure.resources.model import Group
from dialtone_nb.infrastructure.resources.served_tables import SERVED_TABLE
from dialtone_nb.infrastructure.resources.sip_domains import CALLS_MAPPING, REGISTRATIONS_MAPPING, SIP_DOMAIN
from dialtone_nb.infrastructure.resources.variables import APPLIED
from dialtone_nb.runbooks.verify import verify_site
from dialtone_nb.server.folder import ClaimFolder, list_tables, read_serving
from dialtone_nb.verify.checks import CheckState
from tests.faults.accounts import serving
from tests.infrastructure.desk import (
    STAGE,
    STAGE_NONEMERGENCY,
    WORKBENCH,
    Desk,
    kinds,
    lines,
    prod_promoted,
    stage_deployed,
    told,
    workbench_set_up,
)
from tests.server.running_server import wait_until

ALWAYS = ("0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z")
URL = "https://stage.calls.example.org"
ROOT = Path(__file__).parents[2]


@contextmanager
def started(desk: Desk) -> Iterator[None]:
    """Our own server for stage in a process of its own, as an operator starts it."""
    command = [sys.executable, "-m", "dialtone_nb", "serve", "--rehearsal", "--environment", "stage", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        found = re.match(r"stage at (http://127\.0\.0\.1:\d+), from ", process.stdout.readline())
        assert found
        # The tests share one rehearsal, which is on another state file than the one that this process has told.
        names = {"host": urlsplit(desk.server.base_urls["stage"]).hostname, "address": found[1]}
        desk.account.transport.send("POST", f"{CONTROL}/servers", json=names, auth=desk.account.credentials.basic)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def own(desk: Desk) -> Iterator[Desk]:
    """A desk whose network.yaml says self_hosted, and stage's server in a thread."""
    desk.host("self_hosted")
    with serving(desk):
        yield desk


@pytest.fixture
def operated(desk: Desk) -> Iterator[Desk]:
    """A desk whose network.yaml says self_hosted, and stage's server as an operator starts it."""
    desk.host("self_hosted")
    with started(desk):
        yield desk


def dial(desk: Desk, client: str, dialled: str) -> dict[str, Any]:
    """The end of a rehearsed call."""
    placed = {"client": client, "domain": STAGE, "dial": dialled, "answer_after": 1, "talk": 5}
    told_of: dict[str, Any] = desk.account.transport.send("POST", f"{CONTROL}/calls", json=placed).json()
    return told_of


def test_a_deploy_has_the_table_served_and_the_domains_lead_to_our_server(own: Desk) -> None:
    """Twilio has only the fallback besides, as in test_standby; a second deploy sends no write request."""
    proposal = own.deploy()
    changed = kinds(proposal.plan)
    assert {kind: count for kind, count in changed.items() if kind.group is not Group.CODE or kind is SERVED_TABLE} == {
        SERVED_TABLE: 1,
        CREDENTIAL_LIST: 1,
        SIP_DOMAIN: 2,
        CALLS_MAPPING: 2,
        REGISTRATIONS_MAPPING: 2,
    }
    own.do(proposal)
    assert own.domain(STAGE).voice_url == own.domain(STAGE_NONEMERGENCY).voice_url == f"{URL}/sip-outgoing"
    own.requests()
    assert own.deploy().plan.is_empty
    assert set(own.requests()) == {"GET"}


def test_a_phone_that_is_set_up_calls_and_is_called_by_way_of_our_server(operated: Desk) -> None:
    """Set-up, an outgoing and an incoming call, without a request to a function."""
    operated.do(operated.deploy())
    operated.do(operated.set_up("workbench", buy=WORKBENCH))
    assert operated.number(WORKBENCH).voice_url == f"{URL}/sip-incoming"
    operated.account.transport.send("POST", f"{CONTROL}/clients/workbench", json={"registered": True, "domain": STAGE})
    assert dial(operated, "workbench", "5035550199")["answered"]
    incoming = {"from": "+12065550142", "to": WORKBENCH, "answer_after": 1, "talk": 5}
    assert operated.account.transport.send("POST", f"{CONTROL}/calls", json=incoming).json()["answered"]


def test_a_changed_table_is_shown_served_and_rolled_back(own: Desk) -> None:
    """A phone's new limit is one change with its lines; each roll back switches to the table before."""
    own.do(own.deploy())
    first = read_serving(own.server.folder, "stage").version
    own.declare("workbench", call_time_limit_s=777)
    proposal = own.deploy()
    assert lines(proposal.plan) == ["update served table stage: code"]
    assert any('"call_time_limit_s": 777' in line for line in proposal.plan.changes[0].detail)
    own.do(proposal)
    second = read_serving(own.server.folder, "stage").version
    own.do(own.promote("stage", build="previous"))
    assert read_serving(own.server.folder, "stage").version == first
    own.do(own.promote("stage", build="previous"))
    assert read_serving(own.server.folder, "stage").version == second


def test_promote_moves_the_version_that_stage_serves(own: Desk) -> None:
    """Prod gets stage's table, even if the files have changed."""
    own.do(own.deploy())
    own.declare("lobby", call_time_limit_s=777)
    with serving(own, "prod"):
        proposal = own.promote()
        assert "the files differ from what is live in stage" in proposal.plan.notes[0]
        own.do(proposal)
        assert own.promote().plan.is_empty
    folder = own.server.folder
    assert read_serving(folder, "prod").version == read_serving(folder, "stage").version
    assert len(list_tables(folder)) == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time that a server gets to follow."""
    monkeypatch.setattr(served_tables, "NOTICED_S", 3.0)
    monkeypatch.setattr(transport, "ATTEMPTS", 2)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_gets_no_calls(desk: Desk) -> None:
    """If the base URL does not answer the deploy stops, leaves the domains, and can be resumed."""
    desk.after(stage_deployed)
    before = desk.domain(STAGE).voice_url
    desk.host("self_hosted")
    applied = desk.carry_out(desk.deploy())
    assert applied.exit_code == 4
    assert any(
        "does not serve it" in one.error and "serve --environment stage" in one.error for one in applied.outcomes
    )
    assert desk.domain(STAGE).voice_url == before
    with serving(desk):
        desk.do(desk.deploy())
    assert desk.domain(STAGE).voice_url == f"{URL}/sip-outgoing"


def test_moving_there_and_back_answers_every_call(desk: Desk) -> None:
    """No call placed during the two moves of the hosting fails."""
    desk.after(stage_deployed, workbench_set_up)
    answered: list[bool] = []
    done = threading.Event()

    def keep_calling() -> None:
        while not done.is_set():
            answered.append(dial(desk, "workbench", "5035550199")["answered"])

    caller = threading.Thread(target=keep_calling)
    with ExitStack() as stack:
        stack.enter_context(started(desk))
        caller.start()
        stack.callback(caller.join)
        stack.callback(done.set)
        desk.host("self_hosted")
        there = desk.deploy()
        assert lines(there.plan) == [
            "create served table stage",
            f"update SIP domain {STAGE_NONEMERGENCY}: voice_fallback_url, voice_url",
            f"update SIP domain {STAGE}: voice_fallback_url, voice_url",
            f"update phone number {WORKBENCH}: voice_fallback_url, voice_url",
        ]
        desk.do(there)
        so_far = len(answered)
        assert desk.domain(STAGE).voice_fallback_url == desk.url("stage", "/sip-outgoing")
        assert desk.number(WORKBENCH).voice_fallback_url == desk.url("stage", "/sip-incoming")
        assert any("functions of stage are live still" in note for note in desk.deploy().plan.notes)
        desk.host("functions")
        back = desk.deploy()
        assert BUILD not in kinds(back.plan)
        desk.do(back)
        assert desk.domain(STAGE).voice_fallback_url == f"{URL}/sip-outgoing"
        # Where the files change, the server that stands by changes with them, and verify asks both.
        desk.declare("van", trunk_context="operator")
        in_step = desk.deploy()
        assert "update served table stage: code" in lines(in_step.plan)
        desk.do(in_step)
        checks = {check.name: check.state for check in verify_site(desk.site("stage")).checks}
        assert checks["answers of /sip-outgoing at the fallback"] is CheckState.GOOD
        assert checks["answers of /fallback"] is CheckState.GOOD
        assert len(answered) > so_far
    assert len(answered) >= 5
    assert all(answered)
    # A server that is off answers nobody, so no call is to fall back on it.
    assert f"update SIP domain {STAGE}: voice_fallback_url" in lines(desk.deploy().plan)
    desk.do(desk.deploy())
    assert desk.domain(STAGE).voice_fallback_url == desk.url("stage", "/fallback")


def test_what_the_other_hosting_left_is_taken_out_once_nothing_leads_there(desk: Desk) -> None:
    """Functions that calls still reach are kept; once our server takes the calls, they are deleted."""
    desk.after(stage_deployed)
    desk.host("self_hosted", fallback_function=False)
    with pytest.raises(InputError, match="still leads there"):
        desk.delete("other_hosting")
    with serving(desk):
        desk.do(desk.deploy())
        desk.do(desk.delete("other_hosting"))
        assert desk.client.serverless.v1.services.list() == []
        assert desk.deploy().plan.is_empty
        desk.do(desk.delete("environment"))
    assert read_serving(desk.server.folder, "stage").version == ""
    assert desk.domain(STAGE) is None


def test_verify_proves_whose_server_it_is_and_what_it_answers(own: Desk) -> None:
    """All checks pass for the right server; a stopped one fails with the command that starts it."""
    own.do(own.deploy())
    checks = {check.name: check for check in verify_site(own.site("stage")).checks}
    for name in ("server of stage", "table of stage", "answers of /sip-outgoing", "signature of /call-status"):
        assert checks[name].state is CheckState.GOOD, checks[name]


@pytest.mark.usefixtures("impatient")
def test_a_stopped_server_is_found_by_verify(desk: Desk) -> None:
    """The check has the URL and the command."""
    desk.host("self_hosted")
    with started(desk):
        desk.do(desk.deploy())
    checks = {check.name: check for check in verify_site(desk.site("stage")).checks}
    assert checks["server of stage"].state is CheckState.WRONG
    assert "serve --environment stage" in checks["server of stage"].repair


def test_a_protected_environment_in_use_takes_no_files_straight(desk: Desk) -> None:
    """Moving prod from functions to our server takes a promote as well."""
    desk.after(stage_deployed, prod_promoted)
    desk.host("self_hosted")
    with pytest.raises(InputError, match="is protected and in use"):
        desk.deploy("prod")


@pytest.mark.usefixtures("impatient")
def test_another_server_at_the_url_is_not_taken_for_ours(desk: Desk) -> None:
    """A server with another auth token fails the check, and no call is routed to it."""
    desk.host("self_hosted")
    with serving(desk, "prod"):
        names = desk.account.transport.send("GET", f"{CONTROL}/servers").json()["servers"]
        at_prod = {"host": "stage.calls.example.org", "address": names[0]["address"]}
        desk.account.transport.send("POST", f"{CONTROL}/servers", json=at_prod, auth=desk.account.credentials.basic)
        applied = desk.carry_out(desk.deploy())
    assert applied.exit_code == 4, told(applied)
    assert desk.domain(STAGE) is None


def test_two_operators_of_our_own_server_take_turns(own: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told who holds the environment; a dead holder's claim can be broken."""
    own.do(own.deploy())
    own.declare("workbench", call_time_limit_s=777)
    proposal, before = own.deploy(), read_serving(own.server.folder, "stage")
    with monkeypatch.context() as patched, ExitStack() as other:
        patched.setenv("DIALTONE_OPERATOR", "grace@mill")
        other.enter_context(held(own.account, ClaimFolder(own.server.folder, "stage")))
        patched.undo()
        with pytest.raises(HeldError, match="grace@mill is applying to this environment"):
            own.carry_out(proposal)
        assert read_serving(own.server.folder, "stage") == before
        assert own.carry_out(own.deploy(), break_claim="grace@mill").exit_code == 0
    assert [one.key for one in ClaimFolder(own.server.folder, "stage").list()] == [APPLIED]


def test_of_many_who_claim_a_folder_at_once_one_alone_does(desk: Desk) -> None:
    """Eight at the same moment after an expired claim."""
    keeper = ClaimFolder(desk.server.folder, "stage")
    keeper.create(key=CLAIM, value=str(Claim("late", desk.account.now(), "0")))
    together, inside = threading.Barrier(8), threading.Semaphore(1)

    def apply(_: int) -> bool:
        together.wait()
        try:
            with held(desk.account, keeper):
                assert inside.acquire(blocking=False), "two are inside"
                time.sleep(0.02)
                inside.release()
                return True
        except HeldError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert 1 <= sum(pool.map(apply, range(8))) <= 8
    assert keeper.list() == []


def test_a_claim_that_is_released_while_somebody_looks_at_it_is_absent(desk: Desk) -> None:
    """Whoever looks finds it as it was, or finds none: no half of a look is an error of the disk."""
    kept = ClaimFolder(desk.server.folder, "stage").create(key=CLAIM, value="theirs")
    ends = time.monotonic() + 1

    def come_and_go() -> None:
        while time.monotonic() < ends:
            kept.path.unlink()
            kept.path.write_text("theirs")

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(come_and_go)
        while not other.done():
            with suppress(AbsentError):
                kept.fetch()
    other.result()


def test_reports_and_the_monitor_read_our_servers_log(own: Desk) -> None:
    """A refused call has its reason in the frame and an event in the monitor, as with functions."""
    own.do(own.deploy())
    own.do(own.set_up("workbench", buy=WORKBENCH))
    dial(own, "workbench", "9005550199")
    source = log_source(own.parameters.network, own.account, own.project)
    wait_until(lambda: len(list(ServerLog(own.server.folder, is_rehearsed=True).lines(*ALWAYS))) >= 1)
    calls = load_calls("twilio", own.account, service=source, phones={WORKBENCH: Phone("workbench", "stage")})
    (attempt,) = calls.frame.to_dict("records")
    assert (attempt["outcome"], attempt["reason"]) == ("refused", "premium-rate")
    seen = take_snapshot(own.client, now=own.account.now(), minutes=60, environment="stage", phones={}, service=source)
    assert any("premium-rate" in line.what for line in seen.log)


def test_a_log_has_the_lines_of_its_hours(tmp_path: Path) -> None:
    """On a real account times decide; torn and foreign lines are skipped."""
    folder = tmp_path / "events" / "stage"
    folder.mkdir(parents=True)
    lines = [
        '{"timestamp":"2026-03-01T23:59:00.000Z","event":"a"}',
        '{"timestamp":"2026-03-02T00:00:00.000Z","event":"b"}',
    ]
    (folder / "2026-03-02.jsonl").write_text("\n".join([*lines, "{}", "no JSON", '{"timestamp": "2026']))
    found = list(ServerLog(tmp_path).lines("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"))
    assert [(one["environment"], one["date_created"]) for one in found] == [("stage", "2026-03-02T00:00:00.000Z")]
    assert len(list(ServerLog(tmp_path, is_rehearsed=True).lines(*ALWAYS))) == 2


def test_a_claim_that_is_released_while_it_is_refused_is_taken(desk: Desk, tmp_path: Path) -> None:
    """A refusal whose holder is already gone is retried once."""

    class Released(ClaimFolder):
        refusals = 0

        def create(self, *, key: str, value: str) -> Any:
            if not Released.refusals:
                Released.refusals = 1
                raise TwilioError("exists", status=409, code=20409, method="POST", path="/Variables")
            return super().create(key=key, value=value)

    with held(desk.account, Released(tmp_path, "stage")) as claim:
        assert [one.value for one in Released(tmp_path, "stage").list()] == [str(claim.claim)]
    assert Released.refusals == 1
