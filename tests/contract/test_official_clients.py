"""Twilio's client for Node, unmodified, and the TLS door that it comes through."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.request
from pathlib import Path

import pytest
from rehearsal.doors import Door, add_phone
from twilio.rest import Client

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.table import table_module
from dialtone_nb.errors import DialtoneError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal.tls import TlsDoor

from .official import Official

ROOT = Path(__file__).parents[2]
VAN, DOMAIN = "+15035550102", "dialtone-example-nonemergency-stage.sip.twilio.com"

NODE_CLIENT = """
const twilio = require("twilio");
const client = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN);
(async () => {
  const list = await client.sip.credentialLists.create({ friendlyName: "phones" });
  for (const username of ["lobby", "van", "clinic"])
    await client.sip.credentialLists(list.sid).credentials.create({ username, password: "Abcdefghijk1" });
  const paged = await client.sip.credentialLists(list.sid).credentials.list({ pageSize: 1 });
  const domain = await client.sip.domains.create({ domainName: "node.sip.twilio.com", sipRegistration: true });
  await client.sip.domains(domain.sid).auth.calls.credentialListMappings.create({ credentialListSid: list.sid });
  const service = await client.serverless.v1.services.create({ uniqueName: "node", friendlyName: "node" });
  for (const uniqueName of ["stage", "prod"])
    await client.serverless.v1.services(service.sid).environments.create({ uniqueName, domainSuffix: uniqueName });
  const environments = await client.serverless.v1.services("node").environments.list({ pageSize: 1 });
  const taken = await client.sip.domains.create({ domainName: "node.sip.twilio.com" }).catch((error) => error);
  console.log(JSON.stringify({
    credentials: paged.map((one) => one.username).sort(),
    authType: (await client.sip.domains(domain.sid).fetch()).authType,
    environments: environments.map((one) => one.uniqueName).sort(),
    taken: [taken.status, taken.code],
    created: list.dateCreated.toISOString(),
  }));
})();
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the toolkit's: our service's own files, and the compiled table of the sample network."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "dialtone_nb/service/functions", folder / "functions")
    table = compile_table(load_parameters(ROOT / "parameters"))
    (folder / "functions" / "table.private.js").write_text(table_module(table))
    shutil.copy(ROOT / "dialtone_nb/service/package.json", folder)
    return folder


def test_twilio_node_works(official: Official) -> None:
    """Creating, paging in both styles, fetching, a refusal with its code, and dates."""
    ended = official.node("-e", NODE_CLIENT)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "credentials": ["clinic", "lobby", "van"],
        "authType": "CREDENTIAL_LIST",
        "environments": ["prod", "stage"],
        "taken": [400, 21232],
        "created": "2026-03-02T09:00:00.000Z",
    }


def test_the_toolkit_deploys_twice_and_promotes(official: Official, client: Client, door: Door, project: Path) -> None:
    """The service that it deployed places a call; a second deploy is live after the first; prod gets stage's build."""
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


def test_no_other_name_leads_anywhere(official: Official) -> None:
    """What leads the programs to the rehearsal lets nothing else out of this machine."""
    ended = official.node("-e", 'require("https").get("https://example.com/", () => {});')
    assert ended.returncode != 0
    assert "example.com is not rehearsed" in ended.stderr


def test_the_tls_door_is_trusted_by_its_authority_alone(official: Official) -> None:
    """A client that trusts the authority gets an answer, one that does not gets none, and no key lies in a file."""
    trusting = ssl.create_default_context(cafile=str(official.tls.authority))
    with urllib.request.urlopen(f"{official.tls.url}/", context=trusting, timeout=30) as answer:
        assert json.load(answer)["rehearsal"] == "This is not Twilio."
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{official.tls.url}/", context=ssl.create_default_context(), timeout=30)
    assert "PRIVATE" not in official.tls.authority.read_text()


def test_a_taken_port_is_one_clear_line(official: Official, tmp_path: Path) -> None:
    """A TLS door on a port that is in use says which one."""
    with pytest.raises(DialtoneError, match=f"port {official.tls.port}"):
        TlsDoor(official.rehearsal.url, tmp_path / "other.pem", port=official.tls.port)
