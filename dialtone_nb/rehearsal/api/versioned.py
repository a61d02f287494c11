"""What serverless functions and assets have in common: a name, and versions that are uploaded and never change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from dialtone_nb.rehearsal.api.services import HOST, service_of
from dialtone_nb.rehearsal.http.errors import Refusal, absent
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.paging import list_response
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, matching, read_parameters
from dialtone_nb.rehearsal.state.clock import iso8601
from dialtone_nb.rehearsal.state.store import Tables, Thing

UPLOAD_HOST = "serverless-upload.twilio.com"
MEGABYTE = 1 << 20

NAME = (Parameter("FriendlyName", required=True, longest=255),)
# The characters that the serverless toolkit keeps out of paths.
_in_path = matching(r"/[^#;,?:@+&$()'\"\s]*", "may hold none of # ; , ? : @ + & $ ( ) ' \" or space")


def _path(text: str) -> str:
    """The path, with the slash in front that Twilio adds where it is missing."""
    return str(_in_path(text if text.startswith("/") else f"/{text}"))


UPLOADED = (
    Parameter("Path", _path, required=True, longest=255),
    Parameter("Visibility", choice("public", "protected", "private"), required=True),
)


@dataclass(frozen=True, slots=True)
class Versioned:
    """Functions, or assets: what they are called, and how large one may be (bytes; both limits are assumptions)."""

    noun: str
    largest: int
    has_content: bool = False  # whether what was uploaded can be read back; links say so

    @property
    def plural(self) -> str:
        """As it is written in addresses: Functions."""
        return f"{self.noun.capitalize()}s"

    @property
    def version_kind(self) -> str:
        """The kind of thing that a version is in the store."""
        return f"{self.noun}_version"

    def of(self, tables: Tables, request: ApiRequest, name: str) -> Thing:
        """The function or asset in the path, of the service in the path."""
        found = tables.get(self.noun, request.names[name], service_of(tables, request).sid)
        if found is None:
            raise absent(request.path)
        return found

    def parent_of(self, tables: Tables, request: ApiRequest) -> Thing:
        """The function or asset whose versions are asked for."""
        return self.of(tables, request, f"{self.noun.capitalize()}Sid")

    def version_of(self, tables: Tables, request: ApiRequest) -> Thing:
        """The version in the path."""
        version = tables.get(self.version_kind, request.names["Sid"], self.parent_of(tables, request).sid)
        if version is None:
            raise absent(request.path)
        return version

    def body(self, tables: Tables, thing: Thing) -> dict[str, Any]:
        """A function or asset as Twilio shows it."""
        url = f"https://{HOST}/v1/Services/{thing.parent}/{self.plural}/{thing.sid}"
        return {
            "sid": thing.sid,
            "account_sid": tables.identity.account_sid,
            "service_sid": thing.parent,
            **thing.body,
            "date_created": iso8601(thing.created),
            "date_updated": iso8601(thing.updated),
            "url": url,
            "links": {f"{self.noun}_versions": f"{url}/Versions"},
        }

    def version_url(self, version: Thing) -> str:
        """The address of a version."""
        service_sid = version.body["service_sid"]
        return f"https://{HOST}/v1/Services/{service_sid}/{self.plural}/{version.parent}/Versions/{version.sid}"

    def built_body(self, tables: Tables, version: Thing) -> dict[str, Any]:
        """A version as a build shows it; its visibility is in upper case there."""
        body = self.version_body(tables, version)
        shown = {key: value for key, value in body.items() if key not in {"url", "links"}}
        return shown | {"visibility": body["visibility"].upper()}

    def version_body(self, tables: Tables, version: Thing) -> dict[str, Any]:
        """A version as Twilio shows it, without its content."""
        url = self.version_url(version)
        links = {"links": {f"{self.noun}_version_content": f"{url}/Content"}} if self.has_content else {}
        return {
            "sid": version.sid,
            "account_sid": tables.identity.account_sid,
            "service_sid": version.body["service_sid"],
            f"{self.noun}_sid": version.parent,
            "path": version.body["path"],
            "visibility": version.body["visibility"],
            "date_created": iso8601(version.created),
            "url": url,
            **links,
        }

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new function or asset; the friendly name need not be unique."""
        service = service_of(tables, request)
        values = read_parameters(NAME, request.form)
        return ApiResponse(
            201, self.body(tables, tables.add("ZH", self.noun, service.sid, values["friendly_name"], values))
        )

    def list(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All functions or assets of a service."""
        things = tables.list(self.noun, service_of(tables, request).sid)
        return list_response(
            request, self.plural.lower(), things, lambda one: self.body(tables, one), lambda one: one.sid
        )

    def fetch(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One function or asset."""
        return ApiResponse(200, self.body(tables, self.of(tables, request, "Sid")))

    def update(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A function or asset with another friendly name."""
        values = read_parameters(NAME, request.form)
        thing = tables.save(self.of(tables, request, "Sid"), values, name=values["friendly_name"])
        return ApiResponse(200, self.body(tables, thing))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the function or asset. One that a build was made of stays, as long as the build does."""
        thing = self.of(tables, request, "Sid")
        built = {
            sid for build in tables.list("build", thing.parent) for sid in build.body.get(f"{self.noun}_versions", ())
        }
        if any(version.sid in built for version in tables.list(self.version_kind, thing.sid)):
            raise Refusal(20001, f"{self.noun.capitalize()} {thing.sid} is part of a build; delete the build first")
        tables.remove(thing.sid)
        return ApiResponse(204)

    def upload(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """A new, unchangeable version, from a multipart body."""
        thing = self.parent_of(tables, request)
        values = read_parameters(UPLOADED, request.form)
        if request.upload is None:
            raise Refusal(20001, "Missing required parameter Content in the post body")
        if len(request.upload.content) > self.largest:
            raise Refusal(20001, f"Content of a {self.noun} is larger than {self.largest // MEGABYTE} MB")
        fingerprint = hashlib.sha256(request.upload.content).hexdigest()
        name = f"{values['path']} {values['visibility']} {fingerprint}"
        kept = {} if self.has_content else {"content_type": request.upload.content_type}
        body = values | {"service_sid": thing.parent} | kept
        version = tables.add("ZN", self.version_kind, thing.sid, name, body)
        tables.write_content(version.sid, request.upload.content)
        return ApiResponse(201, self.version_body(tables, version))

    def list_versions(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """All versions of a function or asset."""
        things = tables.list(self.version_kind, self.parent_of(tables, request).sid)
        name = f"{self.version_kind}s"
        return list_response(request, name, things, lambda one: self.version_body(tables, one), lambda one: one.sid)

    def fetch_version(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """One version."""
        return ApiResponse(200, self.version_body(tables, self.version_of(tables, request)))

    def operations(self) -> tuple[Operation, ...]:
        """What both answer at their addresses."""
        path = f"/v1/Services/{{ServiceSid}}/{self.plural}"
        versions = f"{path}/{{{self.noun.capitalize()}Sid}}/Versions"
        return (
            Operation(HOST, "GET", path, self.list),
            Operation(HOST, "POST", path, self.create),
            Operation(HOST, "GET", f"{path}/{{Sid}}", self.fetch),
            Operation(HOST, "POST", f"{path}/{{Sid}}", self.update),
            Operation(HOST, "DELETE", f"{path}/{{Sid}}", self.delete),
            Operation(HOST, "GET", versions, self.list_versions),
            Operation(HOST, "GET", f"{versions}/{{Sid}}", self.fetch_version),
            Operation(UPLOAD_HOST, "POST", versions, self.upload),
        )
