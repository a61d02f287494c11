"""Twilio's serverless toolkit, unmodified: it deploys, promotes, lists, and keeps variables of two projects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twilio.rest import Client

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import table_module
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.contract.official import HERE, TWILIO_RUN, Official
from tests.rehearsal.doors import Door, add_phone, client_of

ROOT = Path(__file__).parents[2]
VAN, DOMAIN = "+15035550102", "dialtone-example-nonemergency-stage.sip.twilio.com"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project for the toolkit: our service's own files, and the compiled table of the sample network."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "dialtone_nb/service/functions", folder / "functions")
    table = compile_table(load_parameters(ROOT / "parameters" / "sample"))
    (folder / "functions" / "table.private.js").write_text(table_module(table))
    shutil.copy(ROOT / "dialtone_nb/service/package.json", folder)
    return folder


def test_the_toolkit_deploys_twice_and_promotes(official: Official, client: Client, door: Door, project: Path) -> None:
    """The deployed service places a call; a second deploy replaces it; prod gets stage's build."""
    deploy = ("deploy", "--service-name", "dialtone", "--environment", "stage", "--runtime", "node22")
    printed = official.toolkit(project, *deploy)
    assert "successfully deployed" in printed
    assert "phones" not in printed
    service = client.serverless.v1.services("dialtone")
    stage = service.environments.list()[0]
    first = stage.build_sid
    add_phone(client, "van", DOMAIN, f"https://{stage.domain_name}/sip-outgoing")
    client.incoming_phone_numbers.create(phone_number=VAN)
    door.call(client="van", dial="5035550199")
    leg = next(call for call in client.calls.list() if call.direction == "outbound-dial")
    assert (leg._from, leg.to, leg.status) == (VAN, "+15035550199", "completed")
    logs = official.toolkit(project, "logs", "--service-sid", stage.service_sid, "--environment", "stage")
    assert "outgoing-call" in logs

    official.toolkit(project, *deploy)
    second = service.environments(stage.sid).fetch().build_sid
    assert second != first
    assert [one.build_sid for one in service.environments(stage.sid).deployments.list()] == [second, first]

    promote = ("promote", "--source-environment", "stage", "--environment", "prod", "--create-environment")
    official.toolkit(project, *promote)
    builds = {one.domain_suffix: one.build_sid for one in service.environments.list()}
    assert builds == {"stage": second, "prod": second}
    assert "dialtone" in official.toolkit(project, "list", "services")
    environments = official.toolkit(project, "list", "environments", "--service-sid", stage.service_sid)
    assert f"{stage.domain_name.replace('-stage', '-prod')}" in environments


def test_the_toolkit_keeps_variables(official: Official, client: Client, project: Path) -> None:
    """`env` sets, reads, lists and removes a variable of an environment."""
    service = client.serverless.v1.services.create(unique_name="dialtone", friendly_name="dialtone")
    made = client.serverless.v1.services(service.sid).environments.create(unique_name="stage", domain_suffix="stage")
    at = ("--service-sid", service.sid, "--environment", "stage")
    official.toolkit(project, "env", "set", "--key", "GREETING", "--value", "hello", *at)
    variables = client.serverless.v1.services(service.sid).environments(made.sid).variables
    assert [(one.key, one.value) for one in variables.list()] == [("GREETING", "hello")]
    assert "hello" in official.toolkit(project, "env", "get", "--key", "GREETING", *at)
    assert "GREETING" in official.toolkit(project, "env", "list", *at)
    official.toolkit(project, "env", "unset", "--key", "GREETING", *at)
    assert variables.list() == []


@pytest.fixture
def greeter(tmp_path: Path) -> Path:
    """Another project for the toolkit: a private function, two assets, an npm package, and variables."""
    folder = shutil.copytree(HERE / "greeter", tmp_path / "greeter")
    (folder / ".env").write_text("GREETING=good morning\n")
    return folder


@pytest.fixture
def with_packages(tmp_path: Path) -> Iterator[Official]:
    """Twilio's own programs, connected to a rehearsal that has the packages installed beside them."""
    with (
        start_rehearsal(tmp_path / "packages.db", node_modules=[HERE / "node_modules"]) as rehearsal,
        TlsProxy(rehearsal.url, tmp_path / "authority.pem") as tls,
    ):
        yield Official(rehearsal, tls, tmp_path)


def said(door: Door, domain_name: str) -> Any:
    """The responses of the greeter and of its asset."""
    hello = door.ask("GET", domain_name, "/hello", params={"name": "Robin"})
    return hello.json(), door.ask("GET", domain_name, "/door.txt").text.strip()


def test_a_project_with_assets_and_a_package_is_deployed_changed_and_promoted(
    with_packages: Official, greeter: Path
) -> None:
    """Its function loads the package, the private function and the private asset; environments differ in variables."""
    rehearsal = with_packages.rehearsal
    client, door = client_of(rehearsal), Door(rehearsal)
    deploy = ("deploy", "--service-name", "greeter", "--environment", "stage", "--runtime", "node22")
    with_packages.toolkit(greeter, *deploy)
    service = client.serverless.v1.services("greeter")
    (stage,) = service.environments.list()
    first = ({"said": "Good morning, Robin", "until": "18:00"}, "The hall is open.")
    assert said(door, stage.domain_name) == first
    assert door.ask("GET", stage.domain_name, "/hours.json").status_code == 404

    at = ("--service-sid", stage.service_sid)
    promote = ("promote", *at, "--source-environment", "stage", "--environment", "prod", "--create-environment")
    with_packages.toolkit(greeter, *promote)
    (greeter / "assets/hours.private.json").write_text('{ "closes": "21:00" }')
    (greeter / "assets/door.txt").write_text("The hall is closed.")
    (greeter / ".env").write_text("GREETING=good evening\n")
    with_packages.toolkit(greeter, *deploy)
    prod = next(one for one in service.environments.list() if one.domain_suffix == "prod")
    assert said(door, prod.domain_name) == first
    assert said(door, stage.domain_name) == ({"said": "Good evening, Robin", "until": "21:00"}, "The hall is closed.")

    for kind, words in (
        ("functions", "/hello /closing"),
        ("assets", "/door.txt /hours.json"),
        ("variables", "GREETING"),
        ("environments", f"{stage.domain_name} {prod.domain_name}"),
        ("builds", " ".join(one.sid for one in service.builds.list())),
    ):
        printed = with_packages.toolkit(greeter, "list", kind, *at, "--environment", "stage")
        assert [word for word in words.split() if word not in printed] == [], kind
    logs = with_packages.toolkit(greeter, "logs", *at, "--environment", "prod")
    assert logs.count("greeting Robin") == 1
    client.http_client.session.close()
    door.session.close()


def test_a_package_that_is_not_on_this_machine_fails_the_build(
    official: Official, client: Client, greeter: Path
) -> None:
    """The toolkit reports the failed build, and the alert 82003 names the package and how to install it."""
    ended = official.node(str(TWILIO_RUN), "deploy", "--service-name", "greeter", *official.credentials, cwd=greeter)
    assert ended.returncode != 0
    (build,) = client.serverless.v1.services("greeter").builds.list()
    assert build.status == "failed"
    (alert,) = client.monitor.v1.alerts.list(log_level="error")
    assert (alert.error_code, alert.service_sid, alert.resource_sid) == ("82003", build.service_sid, build.sid)
    assert "lodash is not on this machine" in client.monitor.v1.alerts(alert.sid).fetch().alert_text.replace("+", " ")
