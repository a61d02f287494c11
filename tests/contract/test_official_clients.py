"""Twilio's client for Node, unmodified, and the TLS proxy that it connects through."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

import pytest

from dialtone_nb.errors import DialtoneError
from dialtone_nb.rehearsal.http.tls import TlsProxy
from tests.contract.official import Official

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


def test_twilio_node_works(official: Official) -> None:
    """Creating, both styles of paging, fetching, an error with its code, and dates."""
    ended = official.node("-e", NODE_CLIENT)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "credentials": ["clinic", "lobby", "van"],
        "authType": "CREDENTIAL_LIST",
        "environments": ["prod", "stage"],
        "taken": [400, 21232],
        "created": "2026-03-02T09:00:00.000Z",
    }


def test_no_other_name_leads_anywhere(official: Official) -> None:
    """The settings that connect the programs to the rehearsal allow no other connection."""
    ended = official.node("-e", 'require("https").get("https://example.com/", () => {});')
    assert ended.returncode != 0
    assert "example.com is not rehearsed" in ended.stderr


def test_the_tls_door_is_trusted_by_its_authority_alone(official: Official) -> None:
    """A client that trusts the certificate authority gets an answer, another does not, and no key is in a file."""
    trusting = ssl.create_default_context(cafile=str(official.tls.authority))
    with urllib.request.urlopen(f"{official.tls.url}/", context=trusting, timeout=30) as answer:
        assert json.load(answer)["rehearsal"] == "This is not Twilio."
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{official.tls.url}/", context=ssl.create_default_context(), timeout=30)
    assert "PRIVATE" not in official.tls.authority.read_text()


def test_a_taken_port_is_one_clear_line(official: Official, tmp_path: Path) -> None:
    """The error names the port."""
    with pytest.raises(DialtoneError, match=f"port {official.tls.port}"):
        TlsProxy(official.rehearsal.url, tmp_path / "other.pem", port=official.tls.port)
