"""The SIP server: registrations and calls per second, delay before ringing, and memory.

The rehearsal is a separate process; the phones are our own handsets, whose time counts too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import psutil
from twilio.rest import Client

from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.keep_notebooks import with_phones
from tests.benchmarks.comparison import AtMost, Comparison, Size, seconds_of
from tests.rehearsal.doors import Door, add_phone, client_of, deploy
from tests.rehearsal.sip.handset import Handset
from tests.rehearsal.sip.names import DOMAIN, PASSWORD

ROOT = Path(__file__).parents[3]
STAGE = "dialtone-example-stage.sip.twilio.com"
AT_ONCE = 4  # threads of handsets
OUTGOING = """
exports.handler = (context, event, callback) => {
  const response = new Twilio.twiml.VoiceResponse();
  const to = event.To.match(/^sip:([^@]+)@/)[1];
  if (to === '701') response.reject({ reason: 'busy' });
  else response.dial({ callerId: '+15035550100', answerOnBridge: true }).sip(`sip:${to}@demo.sip.twilio.com`);
  callback(null, response);
};
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A rehearsal with a SIP server, as a process; the attributes are named as in `Rehearsal`."""

    url: str
    account_sid: str
    auth_token: str
    address: tuple[str, int]
    process: psutil.Process

    @property
    def memory_mb(self) -> float:
        """What its process holds now; the Node children of functions are not counted."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def run_rehearsal(state: Path, *more: str) -> Iterator[Running]:
    """Run a rehearsal with a SIP server until the end of the block."""
    command = [sys.executable, "-m", "dialtone_nb", "rehearsal", "--sip", "127.0.0.1:0", "--state", str(state), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = "".join(iter(process.stdout.readline, "Stop it with Ctrl-C.\n"))
        words = dict(re.findall(r"^(URL|Account SID|Auth token|SIP) +(\S+?),?(?: .*)?$", said, re.M))
        host, _, port = words["SIP"].partition(":")
        try:
            yield Running(
                words["URL"], words["Account SID"], words["Auth token"], (host, int(port)), psutil.Process(process.pid)
            )
        finally:
            process.terminate()


def measure(size: Size, folder: Path) -> Iterator[Comparison]:
    """Registrations, calls, the wait before ringing, and memory."""
    phones, calls = (1000, 200) if size is Size.FULL else (20, 8)
    with run_rehearsal(folder / "state.db") as running, ExitStack() as opened:
        rehearsal: Any = running
        client, http = client_of(rehearsal), Door(rehearsal)
        opened.callback(client.http_client.session.close)
        opened.callback(http.session.close)
        users = set_up(client, http, phones)
        handsets = [opened.enter_context(Handset(running.address, user)) for user in users]
        before = running.memory_mb
        seconds = side_by_side(handsets, lambda one: expect(one.register().status_code, 200))
        yield Comparison("SIP door: registrations", "/s", phones / seconds, more_is_better=True)
        yield Comparison(f"SIP door: memory of {phones:,} phones", "MB", running.memory_mb - before, aim=AtMost(20))
        lines = handsets[:AT_ONCE]
        for one in lines:
            refuse(one)
        seconds = side_by_side(lines * (calls // AT_ONCE), refuse)
        yield Comparison("SIP door: calls set up", "/s", calls / seconds, more_is_better=True)
    yield from delays(size, folder)


def set_up(client: Client, http: Door, phones: int) -> list[str]:
    """Create phones that may register and call at one domain, and return their names."""
    live = deploy(client, http, {"/out": ("protected", OUTGOING)})
    users = [f"phone{number}" for number in range(phones)]
    add_phone(client, users[0], DOMAIN, f"https://{live.domain_name}/out")
    listed = client.sip.credential_lists.list()[0].sid
    for user in users[1:]:
        client.sip.credential_lists(listed).credentials.create(user, PASSWORD)
    return users


def side_by_side(handsets: list[Handset], work: Any) -> float:
    """Seconds for all of them, several at once; each handset belongs to one thread."""
    shares = [handsets[place::AT_ONCE] for place in range(AT_ONCE)]
    threads = [threading.Thread(target=lambda share=share: [work(one) for one in share]) for share in shares]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return seconds_of(run)


def refuse(handset: Handset) -> None:
    """Place a call that the application rejects: everything except the conversation."""
    renew(handset)
    answer = handset.invite("701")
    while answer.status_code < 200:
        answer = handset.response(to=handset.sent)
    handset.acknowledge(answer, handset.sent)
    expect(answer.status_code, 486)


def delays(size: Size, folder: Path) -> Iterator[Comparison]:
    """The parts of the delay before ringing in the sample network: a phone dials #, and the SIP trunk rings."""
    state, password = own_network(folder)
    with ExitStack() as opened:
        trunk = opened.enter_context(Handset(("127.0.0.1", 0), "menu"))
        running = opened.enter_context(run_rehearsal(state, "--trunk", f"127.0.0.1:{trunk.port}"))
        http = Door(cast("Any", running))
        opened.callback(http.session.close)
        caller = opened.enter_context(Handset(running.address, "workbench", domain=STAGE, password=password))
        trunk.door = running.address
        for _ in range(1 + (200 if size is Size.FULL else 8)):  # the first one finds nothing loaded
            ring(caller, trunk)
        told = http.control("GET", "/delays")["delays"][1:]
    for name, words in (
        ("total", "INVITE to the far side's 180"),
        ("sip", "of it SIP, records and the far side"),
        ("webhook", "of it the webhook, without its function"),
        ("decision", "of it the decision: the function, on Node"),
    ):
        aim = AtMost(50) if name == "total" else None
        yield Comparison(f"SIP door: {words}", "ms", median(one[f"{name}_ms"] for one in told), aim=aim)


def own_network(folder: Path) -> tuple[Path, str]:
    """The state file of the sample network, deployed and with its phones set up, and the test phone's password."""
    project = folder / "project"
    shutil.copytree(ROOT / "parameters" / "sample", project / "parameters")
    with fresh_account(folder / "account") as state:
        with_phones(project)
    written = (state.parent / "private/stage/workbench/phone.txt").read_text(encoding="utf-8")
    return state, re.findall(r"^ *Password +(\S+)$", written, re.MULTILINE)[0]


def ring(caller: Handset, trunk: Handset) -> None:
    """Place a call that rings at the trunk and is rejected there."""
    renew(caller)
    expect(caller.invite("%23").status_code, 180)
    invite = trunk.asked("INVITE")
    trunk.respond(invite, 180)
    trunk.respond(invite, 486)
    answer = caller.response(to=caller.sent)
    while answer.status_code < 200:
        answer = caller.response(to=caller.sent)
    caller.acknowledge(answer, caller.sent)
    if answer.status_code < 300:  # a voice says that it is busy there, and nobody listens
        bye = caller.request("BYE", caller.sent.uri, to=answer.get_header("To") or "")
        expect(caller.ask(bye).status_code, 200)


def renew(handset: Handset) -> None:
    """Start a new call with a new Call-ID."""
    handset.call_id = f"{handset.user}-{handset.cseq}-{perf_counter()}"


def expect(status: int, wanted: int) -> None:
    """Raise AssertionError unless the server did what is measured."""
    assert status == wanted, f"{status}, not {wanted}"
