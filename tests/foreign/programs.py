"""The task of each program, and the result that it must report."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.contract.official import HERE as CONTRACT
from tests.contract.official import Official
from tests.foreign.cache import debian_packages, node_packages, python_programs
from tests.foreign.stand import Stand
from tests.rehearsal.doors import Deployed, Door, client_of, deploy, finish_build
from tests.rehearsal.sip.names import CALLER_ID, DOMAIN, OTHER_DOMAIN, PASSWORD

HERE = Path(__file__).parent
LOCALISED = DOMAIN.replace(".sip.", ".sip.us1.")
PATIENCE_S = 20.0
LONGEST_S = 180.0


@dataclass(frozen=True)
class Program:
    """A third-party program: its source, its version, and `run`, which returns what it did."""

    name: str
    version: str
    registry: str
    run: Callable[[Stand, str], str]


def _printed(command: Sequence[str | Path], environment: Mapping[str, str], *, ends: int = 0) -> str:
    """A program's output; raises an AssertionError with it if the program failed."""
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=LONGEST_S, check=False, errors="replace"
    )
    assert ended.returncode == ends, f"ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-800:]}"
    return ended.stdout + ended.stderr


def _records(printed: str, taken_apart: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]) -> Counter[str]:
    """The number of records per stream in lines of JSON; duplicates, which are possible, count once."""
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    records = [taken_apart(message) for message in map(json.loads, lines) if message["type"] == "RECORD"]
    return Counter(stream for stream, _ in {(stream, json.dumps(record, sort_keys=True)) for stream, record in records})


def _expect_account(stand: Stand, found: Counter[str]) -> str:
    """Assert that a connector read what the account has."""
    client = stand.network.client
    held = {"accounts": 1, "calls": len(client.calls.list()), "alerts": len(client.monitor.v1.alerts.list())}
    held["incoming_phone_numbers"] = len(client.incoming_phone_numbers.list())
    assert held["calls"] > 1, held
    assert {name: found[name] for name in held} == held, f"the account holds {held}, it read {dict(found)}"
    return f"{found.total()} records of {len(found)} streams"


# --- connectors ---


def tap_twilio(stand: Stand, version: str) -> str:
    """Singer's tap discovers its streams and reads them all."""
    program = python_programs("tap-twilio", [f"tap-twilio=={version}"]) / "tap-twilio"
    sid, token = stand.account
    config, catalog = stand.folder / "tap.json", stand.folder / "catalog.json"
    start = {"start_date": "2026-01-01T00:00:00Z", "user_agent": "tap-twilio"}
    config.write_text(json.dumps({"account_sid": sid, "auth_token": token, **start}))
    said = subprocess.run(
        [program, "--config", config, "--discover"], capture_output=True, text=True, env=stand.environment(), check=True
    )
    streams = json.loads(said.stdout)
    for stream in streams["streams"]:
        for one in stream["metadata"]:
            if one["breadcrumb"] == []:
                one["metadata"]["selected"] = True
    catalog.write_text(json.dumps(streams))
    printed = _printed([program, "--config", config, "--catalog", catalog], stand.environment())
    return _expect_account(stand, _records(printed, lambda message: (message["stream"], message["record"])))


def airbyte(stand: Stand, version: str) -> str:
    """Airbyte's source checks its credentials, and reads the 2010-04-01 API and the alerts."""
    # It gives requests no CA bundle of the environment's; pip-system-certs has it trust whom SSL_CERT_FILE names.
    wanted = [f"airbyte-source-twilio=={version}", "pip-system-certs==5.3"]
    program = python_programs("airbyte-source-twilio", wanted) / "source-twilio"
    sid, token = stand.account
    config, catalog = stand.folder / "airbyte.json", stand.folder / "configured.json"
    start = {"start_date": "2026-02-01T00:00:00Z", "lookback_window": 60}
    config.write_text(json.dumps({"account_sid": sid, "auth_token": token, **start}))
    environment = stand.environment()
    assert '"status":"SUCCEEDED"' in _printed([program, "check", "--config", config], environment)
    found = _printed([program, "discover", "--config", config], environment)
    (streams,) = [
        message["catalog"]["streams"] for message in map(json.loads, found.splitlines()) if message["type"] == "CATALOG"
    ]
    configured = [
        {"stream": one, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        for one in streams
        if one["name"] not in OTHER_PRODUCTS
    ]
    catalog.write_text(json.dumps({"streams": configured}))
    printed = _printed([program, "read", "--config", config, "--catalog", catalog], environment)
    return _expect_account(
        stand, _records(printed, lambda message: (message["record"]["stream"], message["record"]["data"]))
    )


# What is refused by name (501): the connector would ask for it again and again.
OTHER_PRODUCTS = frozenset(
    {
        "conversation_messages",
        "conversation_participants",
        "conversations",
        "executions",
        "flows",
        "roles",
        "services",
        "step",
        "trunks",
        "user_conversations",
        "users",
        "verify_services",
    }
)


# --- packages in functions ---

ASKING = """
exports.handler = async (context, event, callback) => {
  const client = context.getTwilioClient();
  const response = new Twilio.twiml.VoiceResponse();
  response.dial({ answerOnBridge: true }).sip('sip:lobby@demo.sip.twilio.com');
  const queue = await client.queues.create({ friendlyName: 'a & b' });
  const absent = await client.queues('QU0').fetch().catch((error) => error.status);
  const { version } = require('twilio/package.json');
  callback(null, { version, queue: queue.friendlyName, absent, twiml: response.toString() });
};
"""


def twilio_in_functions(stand: Stand, versions: str) -> str:
    """Each version of Twilio's package that a build can name sends a request and makes TwiML."""
    asked = versions.split()
    folders = {one: node_packages(f"twilio-{one}", {"twilio": one}) for one in asked}
    with start_rehearsal(stand.folder / "packages.db", node_modules=list(folders.values())) as rehearsal:
        client, door = client_of(rehearsal), Door(rehearsal)
        for version in asked:
            live = _deploy_with(version, door, client)
            said = door.ask("GET", live.domain_name, "/asking").json()
            assert said["version"] == version, said
            assert (said["queue"], said["absent"]) == ("a & b", 404), said
            assert '<Dial answerOnBridge="true"><Sip>' in said["twiml"], said
            client.queues(client.queues.list()[0].sid).delete()
        client.http_client.session.close()
        door.session.close()
    return f"{len(asked)} versions reach the API from functions and write TwiML"


def _deploy_with(version: str, door: Door, client: Any) -> Deployed:
    name = f"asking-{version.replace('.', '-')}"
    made = client.serverless.v1.services.create(unique_name=name, friendly_name=name)
    service = client.serverless.v1.services(made.sid)
    function = service.functions.create(friendly_name="asking")
    uploaded = door.upload(made.sid, function.sid, "/asking", "public", ASKING).json()["sid"]
    environment = service.environments.create(unique_name="stage", domain_suffix="stage")
    wanted = json.dumps([{"name": "twilio", "version": version}])
    build = service.builds.create(function_versions=[uploaded], dependencies=wanted, runtime="node22")
    assert finish_build(client, made.sid, build.sid) == "completed", version
    service.environments(environment.sid).deployments.create(build_sid=build.sid)
    return Deployed(made.sid, environment.sid, build.sid, environment.domain_name)


def old_toolkit(stand: Stand, version: str) -> str:
    """An old version of the serverless toolkit deploys a project with assets, a package and variables, and lists it."""
    modules = node_packages("twilio-run", {"twilio-run": version})
    project = stand.folder / "greeter"
    subprocess.run(["cp", "-r", CONTRACT / "greeter", project], check=True)
    (project / ".env").write_text("GREETING=good morning\n")
    with (
        start_rehearsal(stand.folder / "toolkit.db", node_modules=[modules, CONTRACT / "node_modules"]) as rehearsal,
        TlsProxy(rehearsal.url, stand.folder / "toolkit.pem") as tls,
    ):
        official = Official(rehearsal, tls, stand.folder)
        program = str(modules / "twilio-run/bin/twilio-run.js")
        for action in (
            ("deploy", "--environment", "stage", "--runtime", "node22"),
            ("promote", "--source-environment", "stage", "--environment", "prod", "--create-environment"),
            ("list", "environments"),
        ):
            ended = official.node(program, *action, *official.credentials, cwd=project)
            assert ended.returncode == 0, (ended.stdout + ended.stderr)[-800:]
        client, door = client_of(rehearsal), Door(rehearsal)
        (service,) = client.serverless.v1.services.list()
        stages = client.serverless.v1.services(service.sid).environments.list()
        names = {one.domain_suffix: one.domain_name for one in stages}
        assert [name for name in names.values() if name not in ended.stdout] == [], ended.stdout
        said = {stage: door.ask("GET", name, "/hello", params={"name": "Robin"}) for stage, name in names.items()}
        client.http_client.session.close()
        door.session.close()
    # A promotion takes the build along, and no variables.
    assert said["stage"].json()["said"] == "Good morning, Robin", said["stage"].text
    assert said["prod"].json()["until"] == "18:00", said["prod"].text
    return "deploys, promotes, lists; its functions answer"


# --- telephones ---


class Pjsua2:
    """A PJSIP phone that takes orders line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.heard: Queue[str] = Queue()
        self.seen: list[str] = []
        self._process = process
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.heard.put(line.strip())

    def do(self, order: str) -> None:
        """Send an order."""
        assert self._process.stdin
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def wait_for(self, words: str) -> str:
        """Wait for a line that begins with these words."""
        until = time.monotonic() + PATIENCE_S
        while (left := until - time.monotonic()) > 0:
            try:
                self.seen.append(line := self.heard.get(timeout=left))
            except Empty:
                break
            if line.startswith(words):
                return line
        raise AssertionError(f"it never said {words!r}, but {self.seen[-8:]}")


@contextmanager
def _pjsua2(stand: Stand, version: str, domain: str) -> Iterator[Pjsua2]:
    python = python_programs("pjsua2-python", [f"pjsua2-python=={version}"]) / "python"
    host, port = stand.network.address
    command: list[str | Path] = [python, HERE / "children" / "pjsua2_phone.py", domain, f"{host}:{port}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        phone = Pjsua2(process)
        try:
            yield phone
            phone.do("quit")
            assert process.wait(PATIENCE_S) == 0, phone.seen[-8:]
        finally:
            process.kill()


def pjsua2(stand: Stand, version: str) -> str:
    """A phone at the localised domain: wrong password, register, call a number and a phone, be called."""
    user = stand.network.add_user()
    with _pjsua2(stand, version, LOCALISED) as phone:
        phone.do(f"register {user} wrong")
        phone.wait_for("not registered 403")
        phone.do(f"register {user} {PASSWORD}")
        phone.wait_for("registered 200")
        for dialled in ("5035550190", "700"):
            phone.do(f"dial sip:{dialled}@{LOCALISED}")
            phone.wait_for("media 1")
            phone.wait_for("call CONFIRMED")
            phone.do("hang up")
            phone.wait_for("call DISCONNECTED")
        ordered = stand.network.http.call(client=user, dial="5035550191", domain=DOMAIN)
        assert ordered["children"][0]["status"] == "completed", ordered
        stand.network.http.call(from_="+15035550177", to=_number_of(stand, user), talk=1)
        assert "+15035550177" in phone.wait_for("rings")
        phone.wait_for("call CONFIRMED")
    found = stand.network.client.calls.list()
    assert any(one.to == f"sip:{user}@{LOCALISED}" and one.status == "completed" for one in found)
    return f"at {LOCALISED}: 403 for a wrong password, registers, calls, is called"


RINGING = """
exports.handler = (context, event, callback) => {
  const response = new Twilio.twiml.VoiceResponse();
  response.dial().sip('sip:{user}@{domain}');
  callback(null, response);
};
"""


def _number_of(stand: Stand, user: str) -> str:
    """A number that rings a user at the localised domain."""
    code = RINGING.replace("{user}", user).replace("{domain}", LOCALISED)
    live = deploy(stand.network.client, stand.network.http, {"/ring": ("protected", code)}, name=f"ring-{user}")
    made = stand.network.client.incoming_phone_numbers.create(
        phone_number="+15035550142", voice_url=f"https://{live.domain_name}/ring"
    )
    return str(made.phone_number)


# --- what people test SIP servers with ---

REQUEST = """{method} {uri} SIP/2.0
To: <{uri}>
From: <sip:lobby@{domain}>;tag=7
Call-ID: {call}@127.0.0.1
CSeq: 1 {method}
Max-Forwards: 70
Contact: <sip:lobby@127.0.0.1:5999>
"""
TEXT = "Content-Type: text/plain\nContent-Length: 5\n\nhello"
EMPTY = "Content-Length: 0\n\n"
# A hosts file of its own, since sipsak looks up each name that it is given, whatever proxy it goes by.
NAMED = 'mount --bind "$0" /etc/hosts && exec "$@"'


def sipsak(stand: Stand, version: str) -> str:
    """OPTIONS, REGISTER, and requests that a server must reject, each with its status."""
    root = debian_packages("sipsak", ["sipsak", "libc-ares2"])
    hosts = stand.folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()} {DOMAIN} {OTHER_DOMAIN}\n")
    named: list[str | Path] = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        NAMED,
        hosts,
        root / "usr/bin/sipsak",
    ]
    host, port = stand.network.address
    libraries = {"LD_LIBRARY_PATH": ":".join(map(str, (root / "usr/lib").glob("*-linux-gnu")))}
    user = stand.network.add_user()
    client = stand.network.client
    closed = client.sip.ip_access_control_lists.create("elsewhere")
    client.sip.ip_access_control_lists(closed.sid).ip_addresses.create("one", "192.0.2.1")
    client.sip.domains(stand.network.domains[OTHER_DOMAIN]).auth.calls.ip_access_control_list_mappings.create(
        closed.sid
    )

    def ask(options: str, says: str, ends: int) -> None:
        command: list[str | Path] = [*named, "-H", "127.0.0.1", "-p", f"{host}:{port}", "-vv", *shlex.split(options)]
        printed = _printed(command, stand.environment(**libraries), ends=ends)
        assert says in printed, f"{says} is not in {printed[-800:]}"

    asked = [
        ("--version", f"sipsak {version}", 0),
        (f"-s sip:{DOMAIN}", "SIP/2.0 200 OK", 0),
        (f"-s sip:{DOMAIN} -E tcp", "SIP/2.0 200 OK", 0),
        (f"-T -s sip:{user}@{DOMAIN}", "483 Too Many Hops", 0),
        (f"-i -U -s sip:{user}@{DOMAIN} -u {user} -a {PASSWORD} -x 60", "completed successful", 0),
        (f"-i -U -s sip:{user}@{DOMAIN} -u {user} -a wrong -x 60", "SIP/2.0 403 Forbidden", 1),
        (f"-s sip:{DOMAIN} -j 'Require: foo'", "Unsupported: foo", 1),
    ]
    for call, method, uri, rest, says in (
        ("tel", "INVITE", "tel:+15035550190", EMPTY, "416 Unsupported URI Scheme"),
        ("text", "INVITE", f"sip:5035550190@{DOMAIN}", TEXT, "415 Unsupported Media Type"),
        ("bye", "BYE", f"sip:5035550190@{DOMAIN}", EMPTY, "481 Call/Transaction Does Not Exist"),
        ("acl", "INVITE", f"sip:5035550190@{OTHER_DOMAIN}", EMPTY, "X-Twilio-Error"),
    ):
        file = stand.folder / f"{call}.sip"
        file.write_text(REQUEST.format(method=method, uri=uri, domain=DOMAIN, call=call) + rest)
        asked.append((f"-f {file} -s sip:{DOMAIN}", says, 1))
    for options, says, ends in asked:
        ask(options, says, ends)
    return f"{len(asked) - 1} kinds of requests: 200 over UDP and TCP, REGISTER, 403, 415, 416, 420, 481, 483"


def sipvicious(stand: Stand, version: str) -> str:
    """The scanner finds the server, but no extension or password."""
    folder = python_programs("sipvicious", [f"sipvicious=={version}"])
    host, port = stand.network.address
    found = _printed([folder / "sipvicious_svmap", "-p", str(port), host], stand.environment())
    assert "dialtone_nb rehearsal" in found, found
    # 40 is its code for a server that answers each guess alike.
    guess: list[str | Path] = [folder / "sipvicious_svwar", "-p", str(port), "-e", "100-120", host]
    guessed = _printed(guess, stand.environment(), ends=40)
    assert "reqauth" not in guessed, guessed
    assert "noauth" not in guessed, guessed
    return "finds the server, no extension and no password"


PROGRAMS = (
    Program("tap-twilio", "0.2.2", "PyPI", tap_twilio),
    Program("airbyte-source-twilio", "0.16.0", "PyPI", airbyte),
    Program("pjsua2-python", "2.15.1.post1", "PyPI", pjsua2),
    Program("sipvicious", "0.3.8", "PyPI", sipvicious),
    Program("sipsak", "0.9.8.1", "Debian", sipsak),
    Program("twilio", "3.0.0 3.48.0 3.56.0 3.84.1 4.23.0 5.13.1", "npm", twilio_in_functions),
    Program("twilio-run", "3.5.4", "npm", old_toolkit),
)


def fill(stand: Stand) -> None:
    """Add a few calls and an alert for the connectors to read."""
    for dialled in ("5035550190", "5035550192", "704"):
        stand.network.http.call(client="lobby", dial=dialled, domain=DOMAIN)
    stand.network.http.call(from_="+15035550177", to=CALLER_ID)
