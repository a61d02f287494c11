"""Deployed functions run on Node as uploaded, under Twilio's rules, with logs and alerts."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.functions import front
from dialtone_nb.rehearsal.functions.packages import Packages, folder_of_twilio
from tests.rehearsal.built_accounts import Build
from tests.rehearsal.doors import Deployed, Door, client_of, deploy, finish_build

FUNCTIONS = {
    "/hello": ("public", "exports.handler = (context, event, callback) => callback(null, `hello ${event.name}`);"),
    "/twiml": (
        "public",
        "exports.handler = (c, e, cb) => { const r = new Twilio.twiml.VoiceResponse(); r.say('hi'); cb(null, r); };",
    ),
    "/custom": (
        "public",
        """exports.handler = (c, e, cb) => {
          const r = new Twilio.Response({ statusCode: 201 });
          r.appendHeader('X-One', '1').setCookie('a', 'b', ['HttpOnly']).setBody({ made: true });
          cb(null, r);
        };""",
    ),
    "/seen": ("public", "exports.handler = (context, event, callback) => callback(null, { context, event });"),
    "/nothing": ("public", "exports.handler = (c, e, cb) => cb();"),
    "/throws": ("public", "exports.handler = () => { throw new Error('it broke'); };"),
    "/fails": ("public", "exports.handler = (c, e, cb) => cb('no reason');"),
    "/rejects": ("public", "exports.handler = async () => { await null; throw new Error('later'); };"),
    "/late": ("public", "exports.handler = () => setTimeout(() => { throw new Error('too late'); }, 1);"),
    "/silent": ("public", "exports.handler = () => {};"),
    "/spins": ("public", "exports.handler = () => { for (;;); };"),
    "/lib": ("public", "exports.value = 1;"),
    "/counts": ("public", "let n = 0; exports.handler = (c, e, cb) => cb(null, String(++n));"),
    "/logs": (
        "public",
        """exports.handler = (c, e, cb) => {
          console.log('one', { two: 2 }); console.warn('three'); console.error('four');
          cb(null, '');
          console.log('lost');
        };""",
    ),
    "/teapot": ("public", "exports.handler = (c, e, cb) => cb(null, new Twilio.Response({ statusCode: 418 }));"),
    "/time": ("public", "exports.handler = (c, e, cb) => cb(null, new Date().toISOString() + ' ' + Date.now());"),
    "/out": (
        "public",
        "exports.handler = async (c, e, cb) => fetch('https://example.com').catch((x) => cb(null, String(x.cause)));",
    ),
    "/numbers": (
        "public",
        """exports.handler = async (c, e, cb) =>
          cb(null, (await c.getTwilioClient().incomingPhoneNumbers.list()).map((n) => n.phoneNumber).join());""",
    ),
    "/direct": (
        "public",
        """exports.handler = async (c, e, cb) =>
          cb(null, (await Twilio(c.ACCOUNT_SID, c.AUTH_TOKEN).calls.list()).length);""",
    ),
    "/private/helper": ("private", "exports.greet = (name) => `good day ${name}`;"),
    "/asks": (
        "public",
        """const { greet } = require(Runtime.getFunctions()['private/helper'].path);
        exports.handler = (c, e, cb) => cb(null, greet(e.name) + ' ' + Object.keys(Runtime.getAssets()).length);""",
    ),
    "/relative": ("public", "require('./helper'); exports.handler = (c, e, cb) => cb(null, '');"),
    "/protected": ("protected", "exports.handler = (c, e, cb) => cb(null, e.Body ?? 'came in');"),
    "/environment": ("public", "exports.handler = (c, e, cb) => cb(null, { ...process.env });"),
    "/waits": (
        "public",
        """exports.handler = async (c, e, cb) => {
          await new Promise((done) => setTimeout(done, 5));
          cb(null, process.env.GREETING);
        };""",
    ),
}


def deploy_all(client: Client, door: Door) -> Deployed:
    """All functions of this file, live."""
    return deploy(client, door, FUNCTIONS)


@pytest.fixture
def build(request: pytest.FixtureRequest) -> Build | None:
    """What builds the account that a test begins with."""
    return deploy_all if "live" in request.fixturenames else None


def codes(client: Client) -> list[str]:
    """The error codes of all alerts, sorted."""
    return sorted(alert.error_code for alert in client.monitor.v1.alerts.list())


@pytest.mark.parametrize(
    ("path", "status", "kind", "body"),
    [
        ("/hello?name=you", 200, "text/plain", "hello you"),
        ("/twiml", 200, "text/xml", '<?xml version="1.0" encoding="UTF-8"?><Response><Say>hi</Say></Response>'),
        ("/custom", 201, "application/json", '{"made":true}'),
        ("/nothing", 200, "application/json", ""),
        ("/asks?name=you", 200, "text/plain", "good day you 0"),
    ],
)
def test_result_becomes_a_response(door: Door, live: Deployed, path: str, status: int, kind: str, body: str) -> None:
    """A string, a TwiML object, a Twilio.Response, and undefined give responses as on Twilio."""
    response = door.ask("GET", live.domain_name, path)
    assert (response.status_code, response.headers["content-type"].split(";")[0], response.text) == (status, kind, body)


def test_custom_response_has_its_headers_and_cookies(door: Door, live: Deployed) -> None:
    """Headers and cookies of a Twilio.Response are sent."""
    response = door.ask("GET", live.domain_name, "/custom")
    assert response.headers["x-one"] == "1"
    assert response.headers["set-cookie"] == "a=b;HttpOnly"


def test_event_is_query_and_body_and_request(door: Door, live: Deployed) -> None:
    """The event has query and form, the body's values last, with headers in lower case and cookies."""
    response = door.ask(
        "POST",
        live.domain_name,
        "/seen?a=query&b=query&blank=",
        data=[("b", "form"), ("many", "1"), ("many", "2")],
        headers={"X-Custom": "yes", "Cookie": "c=d", "X-Forwarded-For": "hidden"},
    )
    event = response.json()["event"]
    assert (event["a"], event["b"], event["blank"], event["many"]) == ("query", "form", "", ["1", "2"])
    assert event["request"]["headers"]["x-custom"] == "yes"
    assert "x-forwarded-for" not in event["request"]["headers"]
    assert event["request"]["cookies"] == {"c": "d"}


def test_json_body_is_part_of_the_event(door: Door, live: Deployed) -> None:
    """Fields of a JSON body are fields of the event."""
    event = door.ask("POST", live.domain_name, "/seen", json={"n": [1, 2]}).json()["event"]
    assert event["n"] == [1, 2]


def test_context_has_variables_at_once(client: Client, door: Door, live: Deployed, rehearsal: Rehearsal) -> None:
    """The context has Twilio's own values, and a variable once it is created."""
    environments = client.serverless.v1.services(live.service).environments(live.environment)
    variable = environments.variables.create("GREETING", "hello")
    context = door.ask("GET", live.domain_name, "/seen").json()["context"]
    assert context == {
        "ACCOUNT_SID": rehearsal.account_sid,
        "AUTH_TOKEN": rehearsal.auth_token,
        "DOMAIN_NAME": live.domain_name,
        "ENVIRONMENT_SID": live.environment,
        "GREETING": "hello",
        "PATH": "/seen",
        "SERVICE_SID": live.service,
    }
    environments.variables(variable.sid).update(value="good day")
    assert door.ask("GET", live.domain_name, "/seen").json()["context"]["GREETING"] == "good day"


def test_context_without_credentials(client: Client, door: Door, live: Deployed) -> None:
    """A service without IncludeCredentials gives its functions neither SID nor token."""
    client.serverless.v1.services(live.service).update(include_credentials=False)
    assert not {"ACCOUNT_SID", "AUTH_TOKEN"} & set(door.ask("GET", live.domain_name, "/seen").json()["context"])
    assert door.ask("GET", live.domain_name, "/numbers").status_code == 500


def test_own_environment_is_not_passed_on(door: Door, live: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions do not see the environment of the rehearsal's process."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    assert door.ask("GET", live.domain_name, "/late").status_code == 500  # ends a process that began before
    seen = set(door.ask("GET", live.domain_name, "/environment").json())
    assert seen - set(door.ask("GET", live.domain_name, "/seen").json()["context"]) <= {"NODE_PATH", "TZ", "SYSTEMROOT"}


def test_variables_are_in_the_environment_of_the_process_too(client: Client, door: Door, live: Deployed) -> None:
    """process.env has the environment's current variables, though one build serves both environments."""
    service = client.serverless.v1.services(live.service)
    other = service.environments.create("prod", domain_suffix="prod")
    service.environments(other.sid).deployments.create(build_sid=live.build)
    for environment, greeting in ((live.environment, "hello"), (other.sid, "good day")):
        service.environments(environment).variables.create("GREETING", greeting)
    for domain_name, greeting in ((live.domain_name, "hello"), (other.domain_name, "good day")) * 2:
        seen = door.ask("GET", domain_name, "/environment").json()
        assert (seen["GREETING"], seen["DOMAIN_NAME"]) == (greeting, domain_name)
        assert "/environment" not in seen.values()
    with ThreadPoolExecutor() as at_once:
        names = [live.domain_name, other.domain_name] * 8
        answers = list(at_once.map(lambda name: door.ask("GET", name, "/waits").text, names))
    assert answers == ["hello", "good day"] * 8


def write_package(folder: Path, name: str, version: str) -> None:
    """A package with only a version."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "package.json").write_text(json.dumps({"name": name, "version": version, "main": "index.js"}))
    (place / "index.js").write_text(f"module.exports = {json.dumps(version)};")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("1.2.0", "1.2.0"),
        ("^1.0.0", "1.2.0"),
        ("2.x", "2.5.0"),
        ("~2.5", "2.5.0"),
        ("latest", "1.2.0"),
        ("^3", "1.2.0"),
    ],
)
def test_a_build_gets_the_version_that_it_names(state: Path, tmp_path: Path, asked: str, given: str) -> None:
    """From the folder that has it; if none does, the first one's, with an alert that has both versions."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder, version in zip(folders, ("1.2.0", "2.5.0"), strict=True):
        write_package(folder, "greeter", version)
    code = "exports.handler = (context, event, callback) => callback(null, require('greeter'));"
    with start_rehearsal(state, node_modules=folders) as running:
        client, door = client_of(running), Door(running)
        services = client.serverless.v1.services(client.serverless.v1.services.create("packed", "Packed").sid)
        function = services.functions.create("hello")
        version = door.upload(services._solution["sid"], function.sid, "/hello", "public", code).json()["sid"]
        dependencies = json.dumps([{"name": "greeter", "version": asked}])
        build = services.builds.create(function_versions=[version], dependencies=dependencies)
        assert finish_build(client, services._solution["sid"], build.sid) == "completed"
        environment = services.environments.create("stage", domain_suffix="stage")
        services.environments(environment.sid).deployments.create(build_sid=build.sid)
        assert door.ask("GET", environment.domain_name, "/hello").text == given
        told = [alert.alert_text for alert in client.monitor.v1.alerts.list()]
        assert len(told) == (asked == "^3")
        assert all("%5E3" in text and "1.2.0" in text for text in told)


def test_an_own_twilio_wins_over_ours(tmp_path: Path) -> None:
    """A folder given by the user comes first, unless the build names our version."""
    write_package(tmp_path, "twilio", "3.84.1")
    packages = Packages([tmp_path])
    assert packages.serving({"twilio": "^3.56"}).twilio == tmp_path / "twilio"
    assert packages.serving({"twilio": "6.2.0"}).twilio == folder_of_twilio() / "twilio"
    assert packages.serving({"twilio": "6.2.0"}).others({"twilio": "6.2.0"}) == {}
    assert Packages().others({"twilio": "^3.56", "nowhere": "1.0.0"}) == {"twilio": "6.2.0"}
    for odd in ("no range", "-p", "\0", "^1" * 100_000, ">=1 <2 || >=6"):
        assert Packages().others({"twilio": odd}) == ({} if odd.endswith("6") else {"twilio": "6.2.0"}), odd[:20]


def test_functions_ask_the_rehearsal_with_twilios_client(client: Client, door: Door, live: Deployed) -> None:
    """context.getTwilioClient() and Twilio() reach this account over HTTP."""
    client.incoming_phone_numbers.create(phone_number="+15035550103")
    assert door.ask("GET", live.domain_name, "/numbers").text == "+15035550103"
    assert door.ask("GET", live.domain_name, "/direct").json() == 0


def test_functions_have_no_way_out(door: Door, live: Deployed) -> None:
    """A function that requests another host gets an error that says so."""
    assert "no way out" in door.ask("GET", live.domain_name, "/out").text


def test_functions_live_in_simulated_time(door: Door, live: Deployed) -> None:
    """Date in a function is the rehearsal's clock."""
    door.control("POST", "/clock", json={"advance_s": 90})
    assert door.ask("GET", live.domain_name, "/time").text == "2026-03-02T09:01:30.000Z 1772442090000"


def test_module_state_stays_until_the_process_crashes(client: Client, door: Door, live: Deployed) -> None:
    """Module variables persist between calls until any function crashes the process."""
    assert [door.ask("GET", live.domain_name, "/counts").text for _ in range(2)] == ["1", "2"]
    assert door.ask("GET", live.domain_name, "/late").status_code == 500
    assert door.ask("GET", live.domain_name, "/counts").text == "1"


@pytest.mark.parametrize("path", ["/throws", "/fails", "/rejects", "/late", "/lib", "/relative"])
def test_failing_function_is_a_500_and_an_alert(client: Client, door: Door, live: Deployed, path: str) -> None:
    """A function that throws, calls back with an error, rejects, or has no handler gives 500 and 82002."""
    assert door.ask("GET", live.domain_name, path).status_code == 500
    (alert,) = client.monitor.v1.alerts.list()
    assert (alert.error_code, alert.log_level, alert.service_sid) == ("82002", "error", live.service)


def test_client_error_of_a_function_is_a_warning(client: Client, door: Door, live: Deployed) -> None:
    """A function that returns a 4xx raises 82001."""
    assert door.ask("GET", live.domain_name, "/teapot").status_code == 418
    assert codes(client) == ["82001"]


@pytest.mark.parametrize("path", ["/silent", "/spins"])
def test_function_has_a_time_limit(state: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A function that never calls back, or never ends, is stopped; the next call is answered."""
    monkeypatch.setattr(front, "TIME_LIMIT_S", 0.5)
    with start_rehearsal(state) as rehearsal:
        client, door = client_of(rehearsal), Door(rehearsal)
        live = deploy(client, door, FUNCTIONS)
        assert door.ask("GET", live.domain_name, path).status_code == 500
        assert codes(client) == ["82002"]
        assert door.ask("GET", live.domain_name, "/hello?name=again").text == "hello again"
        door.session.close()


@pytest.mark.parametrize("end", ["another build", "the environment deleted", "the service deleted"])
def test_processes_end_with_their_build(state: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A build that is no longer live has no process after its last requests time out."""
    monkeypatch.setattr(front, "ALL_ANSWERED_S", 0.1)
    functions = {path: FUNCTIONS[path] for path in ("/hello", "/counts")}

    def processes() -> set[int]:
        return {one.pid for one in psutil.Process().children(recursive=True)}

    with start_rehearsal(state) as rehearsal:
        client, door = client_of(rehearsal), Door(rehearsal)
        live = deploy(client, door, functions)
        before = processes()
        assert door.ask("GET", live.domain_name, "/counts").text == "1"
        started = processes() - before
        assert started
        service = client.serverless.v1.services(live.service)
        if end == "another build":
            versions = [one["sid"] for one in service.builds(live.build).fetch().function_versions]
            other = service.builds.create(function_versions=versions[:1], runtime="node22")
            assert finish_build(client, live.service, other.sid) == "completed"
            service.environments(live.environment).deployments.create(build_sid=other.sid)
        elif end == "the environment deleted":
            service.environments(live.environment).delete()
        else:
            service.delete()
        until = time.monotonic() + 20
        while any(map(psutil.pid_exists, started)):
            assert time.monotonic() < until
            time.sleep(0.05)
        door.session.close()


def test_logs_and_alerts_of_console(client: Client, door: Door, live: Deployed) -> None:
    """console.log, warn and error log as info, warn and error; the last two raise 82004 and 82005."""
    door.ask("GET", live.domain_name, "/logs")
    logs = client.serverless.v1.services(live.service).environments(live.environment).logs.list()
    assert [(log.level, log.message) for log in logs] == [
        ("info", "one { two: 2 }"),
        ("warn", "three"),
        ("error", "four"),
    ]
    assert {log.build_sid for log in logs} == {live.build}
    assert len({log.request_sid for log in logs}) == 1
    assert codes(client) == ["82004", "82005"]


def test_logs_are_filtered(client: Client, door: Door, live: Deployed) -> None:
    """By default the last day's; by dates and by function."""
    logs = client.serverless.v1.services(live.service).environments(live.environment).logs
    door.ask("GET", live.domain_name, "/logs")
    function = logs.list()[0].function_sid
    assert len(logs.list(function_sid=function)) == 3
    assert logs.list(function_sid="ZH" + "0" * 32) == []
    assert logs(logs.list()[0].sid).fetch().message == "one { two: 2 }"
    door.control("POST", "/clock", json={"advance_s": 2 * 86400})
    assert logs.list() == []
    path = f"/Services/{live.service}/Environments/{live.environment}/Logs?StartDate=2026-03-02T00:00:00Z"
    assert len(door.serverless("GET", path).json()["logs"]) == 3
    assert door.serverless("GET", f"{path}&EndDate=2026-03-02T08:00:00Z").json()["logs"] == []
    door.control("POST", "/clock", json={"advance_s": 30 * 86400})
    assert door.serverless("GET", path).json()["logs"] == []


def test_private_function_has_no_url(door: Door, live: Deployed) -> None:
    """A private function, an unknown path, and an unknown host give 404."""
    assert door.ask("GET", live.domain_name, "/private/helper").status_code == 404
    assert door.ask("GET", live.domain_name, "/missing").status_code == 404
    assert door.ask("GET", "phones-0000-stage.twil.io", "/hello").status_code == 404


def test_other_methods_are_refused(door: Door, live: Deployed) -> None:
    """PUT and TRACE give 405, also without a function, and a GET with a body 403."""
    for method, path in (("PUT", "/hello"), ("TRACE", "/hello"), ("TRACE", "/missing"), ("DELETE", "/hello")):
        assert door.ask(method, live.domain_name, path).status_code == 405, (method, path)
    assert door.ask("GET", live.domain_name, "/hello", data="body").status_code == 403


def test_nothing_is_live_before_and_after(client: Client, door: Door, live: Deployed) -> None:
    """Every path of an environment without a live build gives 404."""
    client.serverless.v1.services(live.service).environments(live.environment).deployments.create()
    assert door.ask("GET", live.domain_name, "/hello").status_code == 404


def test_too_large_a_context_is_refused(client: Client, door: Door, live: Deployed) -> None:
    """Variables beyond the context's limit make the function fail, with alert 82006."""
    variables = client.serverless.v1.services(live.service).environments(live.environment).variables
    for number in range(9):
        variables.create(f"LARGE_{number}", "x" * 450)
    assert door.ask("GET", live.domain_name, "/hello").status_code == 500
    assert codes(client) == ["82006"]


def signed(rehearsal: Rehearsal, url: str, params: Any) -> dict[str, str]:
    """The X-Twilio-Signature header."""
    return {"X-Twilio-Signature": RequestValidator(rehearsal.auth_token).compute_signature(url, params)}


def test_protected_function_takes_a_signed_post(rehearsal: Rehearsal, door: Door, live: Deployed) -> None:
    """A form signed with the auth token is accepted, with blank and repeated values and a query."""
    url = f"https://{live.domain_name}/protected?x=1&y="
    form = {"Body": "hello", "Blank": ""}
    response = door.ask("POST", live.domain_name, "/protected?x=1&y=", data=form, headers=signed(rehearsal, url, form))
    assert (response.status_code, response.text) == (200, "hello")


def test_the_case_of_a_media_type_means_nothing(rehearsal: Rehearsal, door: Door, live: Deployed) -> None:
    """A signed form and signed JSON are read, however their Content-Type is written."""
    url, form = f"https://{live.domain_name}/protected", {"Body": "hello"}
    kind = {"Content-Type": "Application/X-WWW-Form-URLencoded;charset=UTF-8"}
    response = door.ask("POST", live.domain_name, "/protected", data=form, headers=signed(rehearsal, url, form) | kind)
    assert (response.status_code, response.text) == (200, "hello")
    body = '{"Body": "json"}'
    path = f"/protected?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    headers = signed(rehearsal, f"https://{live.domain_name}{path}", {}) | {"Content-Type": "Application/JSON"}
    assert door.ask("POST", live.domain_name, path, data=body, headers=headers).text == "json"


def test_protected_function_takes_a_signed_get(rehearsal: Rehearsal, door: Door, live: Deployed) -> None:
    """Its signature is over the URL with the query as it is."""
    path = "/protected?Body=a%20b+c"
    headers = signed(rehearsal, f"https://{live.domain_name}{path}", {})
    assert door.ask("GET", live.domain_name, path, headers=headers).text == "a b c"


def test_protected_function_takes_signed_json(rehearsal: Rehearsal, door: Door, live: Deployed) -> None:
    """Its body is signed by the bodySHA256 query parameter."""
    body = '{"Body": "json"}'
    path = f"/protected?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    headers = signed(rehearsal, f"https://{live.domain_name}{path}", {}) | {"Content-Type": "application/json"}
    assert door.ask("POST", live.domain_name, path, data=body, headers=headers).text == "json"
    assert door.ask("POST", live.domain_name, path, data="{}", headers=headers).status_code == 403


def test_protected_function_refuses_what_is_not_signed(rehearsal: Rehearsal, door: Door, live: Deployed) -> None:
    """No signature, or one over other parameters, another URL or with another token, is rejected."""
    url = f"https://{live.domain_name}/protected"
    good = signed(rehearsal, url, {"Body": "x"})
    others = [
        ({}, {"Body": "x"}),
        (good, {"Body": "y"}),
        (good, {"Body": "x", "More": ""}),
        (signed(rehearsal, f"{url}?", {"Body": "x"}), {"Body": "z"}),
        ({"X-Twilio-Signature": RequestValidator("other").compute_signature(url, {"Body": "x"})}, {"Body": "x"}),
    ]
    statuses = [door.ask("POST", live.domain_name, "/protected", data=d, headers=h).status_code for h, d in others]
    assert statuses == [403] * 5
    assert door.ask("POST", live.domain_name, "/protected", data={"Body": "x"}, headers=good).status_code == 200


def test_a_new_deployment_runs_the_new_code(client: Client, door: Door, live: Deployed) -> None:
    """Deploying another build runs its code, and rolling back the old code."""
    services = client.serverless.v1.services(live.service)
    function = next(f.sid for f in services.functions.list() if f.friendly_name == "/hello")
    code = "exports.handler = (c, e, cb) => cb(null, 'new');"
    version = door.upload(live.service, function, "/hello", "public", code).json()["sid"]
    build = services.builds.create(function_versions=[version]).sid
    door.control("POST", "/clock", json={"advance_s": 60})
    assert services.builds(build).fetch().status == "completed"
    deployments = services.environments(live.environment).deployments
    deployments.create(build_sid=build)
    assert door.ask("GET", live.domain_name, "/hello").text == "new"
    deployments.create(build_sid=live.build)
    assert door.ask("GET", live.domain_name, "/hello?name=old").text == "hello old"


def test_the_platform_answers_options_and_the_function_sees_nothing_of_it(
    client: Client, door: Door, live: Deployed
) -> None:
    """A CORS preflight gets 204 without a signature, even for a protected function."""
    logs = client.serverless.v1.services(live.service).environments(live.environment).logs
    before = len(logs.list())
    for path in FUNCTIONS:
        if path.startswith("/private"):
            continue
        answer = door.ask("OPTIONS", live.domain_name, path, headers={"Origin": "https://flex.twilio.com"})
        assert (answer.status_code, answer.content, answer.headers["access-control-allow-origin"]) == (204, b"", "*")
        assert answer.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert len(logs.list()) == before
    assert door.ask("OPTIONS", live.domain_name, "/missing").status_code == 404
