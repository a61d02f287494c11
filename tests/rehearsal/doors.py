"""Clients for a rehearsal: Twilio's own for Python, plain HTTP, and a small deployed network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal

PASSWORD = "Abcdefghijk1"


class RehearsalHttpClient(TwilioHttpClient):
    """Twilio's HTTP client with another address; the Host header stays, as the rehearsal needs it."""

    def __init__(self, base: str, **options: Any) -> None:
        super().__init__(**options)
        self.base = base
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        """Send a request to the rehearsal."""
        parts = urlsplit(url)
        options["headers"] = {**(options.get("headers") or {}), "Host": parts.netloc}
        address = self.base + url.removeprefix(f"{parts.scheme}://{parts.netloc}")
        return super().request(method, address, *args, **options)


def client_of(rehearsal: Rehearsal, **options: Any) -> Client:
    """Twilio's own client, connected to a rehearsal."""
    http_client = RehearsalHttpClient(rehearsal.url, **options)
    return Client(rehearsal.account_sid, rehearsal.auth_token, http_client=http_client)


class Door:
    """A plain HTTP session to a rehearsal, for requests that Twilio's clients do not make."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.session = requests.Session()
        self.session.trust_env = False
        self.account = (rehearsal.account_sid, rehearsal.auth_token)

    def ask(self, method: str, host: str, path: str, **options: Any) -> requests.Response:
        """A host's response; Twilio's hosts get the auth token unless `auth` is given."""
        if host.endswith(".twilio.com"):
            options.setdefault("auth", self.account)
        headers = {"Host": host, **options.pop("headers", {})}
        options.setdefault("timeout", 30)
        return self.session.request(method, self.rehearsal.url + path, headers=headers, **options)

    def classic(self, method: str, path: str, **options: Any) -> requests.Response:
        """The response of the 2010-04-01 API, under the account."""
        return self.ask(method, "api.twilio.com", f"/2010-04-01/Accounts/{self.rehearsal.account_sid}{path}", **options)

    def serverless(self, method: str, path: str, **options: Any) -> requests.Response:
        """The response of the serverless API."""
        return self.ask(method, "serverless.twilio.com", f"/v1{path}", **options)

    def control(self, method: str, path: str, **options: Any) -> Any:
        """The response of rehearsal.localhost, as JSON."""
        response = self.ask(method, "rehearsal.localhost", path, **options)
        return response.json() if response.content else None

    def call(self, **order: Any) -> Any:
        """Place a call and return its result; `from` is written from_."""
        return self.control(
            "POST", "/calls", json={key.rstrip("_") if key == "from_" else key: value for key, value in order.items()}
        )

    def upload(self, service: str, function: str, path: str, visibility: str, code: str) -> requests.Response:
        """The response to an upload of a function version."""
        file = ("function.js", code.encode(), "application/javascript")
        return self._upload(f"/v1/Services/{service}/Functions/{function}/Versions", path, visibility, file)

    def upload_asset(
        self, service: str, asset: str, path: str, visibility: str, content: bytes, content_type: str = ""
    ) -> requests.Response:
        """The response to an upload of an asset version."""
        file = ("asset", content, content_type)
        return self._upload(f"/v1/Services/{service}/Assets/{asset}/Versions", path, visibility, file)

    def _upload(self, at: str, path: str, visibility: str, file: tuple[str, bytes, str]) -> requests.Response:
        parts = {"Path": path, "Visibility": visibility}
        return self.ask("POST", "serverless-upload.twilio.com", at, data=parts, files={"Content": file})


@dataclass(frozen=True)
class Deployed:
    """A service with one environment and its live functions."""

    service: str
    environment: str
    build: str
    domain_name: str


def finish_build(client: Client, service: str, build: str) -> str:
    """The status of a build once it is no longer building."""
    while True:
        status = client.serverless.v1.services(service).builds(build).build_status().fetch().status
        if status != "building":
            return str(status)


def deploy(client: Client, door: Door, functions: dict[str, tuple[str, str]], name: str = "phones") -> Deployed:
    """A new service with an environment "stage" with these functions live: path -> (visibility, code)."""
    service = client.serverless.v1.services.create(unique_name=name, friendly_name=name)
    services = client.serverless.v1.services(service.sid)
    versions = []
    for path, (visibility, code) in functions.items():
        function = services.functions.create(friendly_name=path)
        versions.append(door.upload(service.sid, function.sid, path, visibility, code).json()["sid"])
    environment = services.environments.create(unique_name="stage", domain_suffix="stage")
    build = services.builds.create(function_versions=versions, runtime="node22")
    assert finish_build(client, service.sid, build.sid) == "completed"
    services.environments(environment.sid).deployments.create(build_sid=build.sid)
    return Deployed(service.sid, environment.sid, build.sid, environment.domain_name)


def add_phone(client: Client, name: str, domain: str, voice_url: str = "", **options: Any) -> str:
    """The SID of a new SIP domain with one credential, mapped for calls and for registrations."""
    made = client.sip.domains.create(domain_name=domain, voice_url=voice_url, sip_registration=True, **options)
    listed = client.sip.credential_lists.create(f"list of {domain}")
    client.sip.credential_lists(listed.sid).credentials.create(name, PASSWORD)
    client.sip.domains(made.sid).auth.calls.credential_list_mappings.create(listed.sid)
    client.sip.domains(made.sid).auth.registrations.credential_list_mappings.create(listed.sid)
    return str(made.sid)
