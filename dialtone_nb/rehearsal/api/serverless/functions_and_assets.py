"""Serverless functions and assets: each has a name, and uploaded versions that never change.

A function's versions are code, which can be read back; an asset's are files of any kind, which can't.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dialtone_nb.rehearsal.api.collection import Collection
from dialtone_nb.rehearsal.api.serverless.services import SERVERLESS, SERVICES
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Operation
from dialtone_nb.rehearsal.http.parameters import Parameter, choice, matching, read_parameters
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

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


def _version_fields(tables: Tables, version: Thing) -> Body:
    return {"path": version.body["path"], "visibility": version.body["visibility"]}


@dataclass(frozen=True, slots=True)
class Versioned:
    """Functions or assets: their collection, their versions', and the most bytes of one (0: the assumed limit)."""

    noun: str
    all: Collection
    versions: Collection
    largest: int

    @property
    def version_kind(self) -> str:
        """The kind of thing that a version is in the store."""
        return self.versions.kind

    def built_body(self, tables: Tables, version: Thing) -> Body:
        """A version as a build shows it, with its visibility in upper case."""
        body = self.versions.body(tables, version)
        shown = {key: value for key, value in body.items() if key not in {"url", "links"}}
        return shown | {"visibility": body["visibility"].upper()}

    def create(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Create a function or asset; its friendly name need not be unique."""
        service_sid = self.all.parent_sid(tables, request)
        values = read_parameters(NAME, request.form)
        return self.all.show(tables, self.all.add(tables, service_sid, values["friendly_name"], values), 201)

    def update(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Change a function's or asset's friendly name."""
        values = read_parameters(NAME, request.form)
        return self.all.show(tables, tables.save(self.all.at(tables, request), values, name=values["friendly_name"]))

    def delete(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Delete the function or asset; refused while a build has a version of it."""
        thing = self.all.at(tables, request)
        built = {
            sid for build in tables.list("build", thing.parent) for sid in build.body.get(f"{self.noun}_versions", ())
        }
        if any(version.sid in built for version in tables.list(self.versions.kind, thing.sid)):
            raise Refusal(20001, f"{self.noun.capitalize()} {thing.sid} is part of a build; delete the build first")
        return self.all.delete(tables, request)

    def upload(self, tables: Tables, request: ApiRequest) -> ApiResponse:
        """Add a version from a multipart body."""
        thing = self.all.at(tables, request, self.all.variable)
        values = read_parameters(UPLOADED, request.form)
        if request.upload is None:
            raise Refusal(20001, "Missing required parameter Content in the post body")
        largest = self.largest or tables.behaviour.largest_function
        if len(request.upload.content) > largest:
            raise Refusal(20001, f"Content of a {self.noun} is larger than {largest // MEGABYTE} MB")
        fingerprint = hashlib.sha256(request.upload.content).hexdigest()
        name = f"{values['path']} {values['visibility']} {fingerprint}"
        body = values | {"service_sid": thing.parent, "content_type": request.upload.content_type}
        version = self.versions.add(tables, thing.sid, name, body)
        tables.write_content(version.sid, request.upload.content)
        return self.versions.show(tables, version, 201)

    def operations(self) -> tuple[Operation, ...]:
        """The operations on functions or assets and on their versions."""
        return (
            *self.all.operations(create=self.create, update=self.update, delete=self.delete),
            *self.versions.operations(),
            Operation(UPLOAD_HOST, "POST", f"{SERVERLESS.root}{self.versions.path}", self.upload),
        )


def _versioned(noun: str, largest: int, version_links: dict[str, str]) -> Versioned:
    everything = Collection(
        SERVERLESS,
        f"{noun.capitalize()}s",
        kind=noun,
        prefix="ZH",
        above=SERVICES,
        links={f"{noun}_versions": "Versions"},
    )
    versions = Collection(
        SERVERLESS,
        "Versions",
        listed_as=f"{noun}_versions",
        kind=f"{noun}_version",
        prefix="ZN",
        above=everything,
        fields=_version_fields,
        links=version_links,
        is_immutable=True,
    )
    return Versioned(noun, everything, versions, largest)


FUNCTIONS = _versioned("function", 0, {"function_version_content": "Content"})
ASSETS = _versioned("asset", 25 * MEGABYTE, {})


def fetch_content(tables: Tables, request: ApiRequest) -> ApiResponse:
    """The code of a function's version, as text."""
    version = FUNCTIONS.versions.at(tables, request)
    body = FUNCTIONS.versions.body(tables, version)
    kept = {key: body[key] for key in ("sid", "account_sid", "service_sid", "function_sid")}
    content = tables.content(version.sid).decode("utf-8", "replace")
    return ApiResponse(200, kept | {"content": content, "url": f"{body['url']}/Content"})


OPERATIONS = (
    *FUNCTIONS.operations(),
    *ASSETS.operations(),
    SERVERLESS.operation("GET", f"{FUNCTIONS.versions.path}/{{Sid}}/Content", fetch_content),
)
