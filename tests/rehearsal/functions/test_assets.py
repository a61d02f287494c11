"""Assets: upload, build, public URLs, and private ones read by functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from dialtone_nb.rehearsal import Rehearsal
from tests.rehearsal.doors import Door, finish_build

READER = """exports.handler = (context, event, callback) => {
  const assets = Runtime.getAssets();
  const { word } = require(assets['/words.json'].path);
  callback(null, { names: Object.keys(assets).sort(), word, page: assets['/secret/page.txt'].open() });
};"""
PIXEL = bytes(range(256))
ASSETS = {
    "/pixel.bin": ("public", PIXEL, ""),
    "/style.css": ("public", b"p { color: red }", ""),
    "/form.html": ("public", b"<p>form", "text/html; charset=utf-8"),
    "/assets/index.html": ("public", b"<h1>Phones", "text/html"),
    "/members.txt": ("protected", b"members", "text/plain"),
    "/words.json": ("private", b'{"word": "gr\xc3\xbcezi"}', "application/json"),
    "/secret/page.txt": ("private", b"page one", "text/plain"),
}


@dataclass(frozen=True)
class Site:
    """A live service with assets and one function, and its contexts in Twilio's client."""

    domain_name: str
    service: Any
    build: Any
    assets: dict[str, str]


@pytest.fixture
def site(client: Client, door: Door) -> Site:
    """A live service with assets of every visibility, and a function that reads the private ones."""
    sid = client.serverless.v1.services.create("site", "Site").sid
    service = client.serverless.v1.services(sid)
    assets = {path: service.assets.create(friendly_name=path).sid for path in ASSETS}
    uploads = [door.upload_asset(sid, assets[path], path, *what) for path, what in ASSETS.items()]
    function = service.functions.create(friendly_name="/read").sid
    build = service.builds.create(
        asset_versions=[one.json()["sid"] for one in uploads],
        function_versions=[door.upload(sid, function, "/read", "public", READER).json()["sid"]],
    )
    assert finish_build(client, sid, build.sid) == "completed"
    environment = service.environments.create("stage", domain_suffix="stage")
    service.environments(environment.sid).deployments.create(build_sid=build.sid)
    return Site(environment.domain_name, service, build, assets)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/pixel.bin", "application/octet-stream"),
        ("/style.css", "text/css"),
        ("/form.html", "text/html; charset=utf-8"),
    ],
)
def test_a_public_asset_is_handed_out_byte_for_byte(door: Door, site: Site, path: str, kind: str) -> None:
    """Its type is the upload's, or derived from its name; HEAD has no body, and other methods are rejected."""
    answer = door.ask("GET", site.domain_name, path)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, kind, ASSETS[path][1])
    assert door.ask("HEAD", site.domain_name, path).content == b""
    assert door.ask("POST", site.domain_name, path).status_code == 405


def test_a_private_asset_has_no_url_and_is_read_by_functions(door: Door, site: Site) -> None:
    """Runtime.getAssets() has only the private ones, with paths to open or to require."""
    assert door.ask("GET", site.domain_name, "/secret/page.txt").status_code == 404
    read = door.ask("GET", site.domain_name, "/read").json()
    assert read == {"names": ["/secret/page.txt", "/words.json"], "word": "grüezi", "page": "page one"}


def test_a_protected_asset_takes_a_signature(rehearsal: Rehearsal, door: Door, site: Site) -> None:
    """It is rejected without Twilio's signature."""
    assert door.ask("GET", site.domain_name, "/members.txt").status_code == 403
    signature = RequestValidator(rehearsal.auth_token).compute_signature(f"https://{site.domain_name}/members.txt", {})
    signed = door.ask("GET", site.domain_name, "/members.txt", headers={"X-Twilio-Signature": signature})
    assert (signed.status_code, signed.text) == (200, "members")


def test_a_build_shows_its_assets(site: Site) -> None:
    """A build lists its asset versions with their paths, visibility in upper case."""
    shown = {one["path"]: one["visibility"] for one in site.build.asset_versions}
    assert shown == {path: visibility.upper() for path, (visibility, _, _) in ASSETS.items()}
    assert [one["path"] for one in site.build.function_versions] == ["/read"]


def test_an_asset_of_a_build_stays_as_long_as_the_build(site: Site) -> None:
    """An asset in a build can't be deleted; one that was never built can."""
    with pytest.raises(TwilioRestException, match="part of a build"):
        site.service.assets(site.assets["/pixel.bin"]).delete()
    spare = site.service.assets.create(friendly_name="/spare").sid
    assert site.service.assets(spare).delete()


def test_a_path_belongs_to_a_function_or_to_an_asset(door: Door, site: Site) -> None:
    """A build with a function and an asset at one path is rejected."""
    sid = site.service.fetch().sid
    asset = door.upload_asset(sid, site.assets["/pixel.bin"], "/read", "public", b"").json()["sid"]
    (function,) = [one["sid"] for one in site.build.function_versions]
    with pytest.raises(TwilioRestException, match="more than one version"):
        site.service.builds.create(asset_versions=[asset], function_versions=[function])


@pytest.mark.parametrize(("kind", "megabytes"), [("function", 1), ("asset", 25)])
def test_too_large_an_upload_is_refused(door: Door, site: Site, kind: str, megabytes: int) -> None:
    """A function over 1 MB, and an asset over 25 MB, give 400 with the limit."""
    sid = site.service.fetch().sid
    if kind == "asset":
        response = door.upload_asset(sid, site.assets["/pixel.bin"], "/x", "public", b"x" * (megabytes << 20) + b"x")
    else:
        function = site.service.functions.create(friendly_name="/x").sid
        response = door.upload(sid, function, "/x", "public", "x" * (megabytes << 20) + "x")
    assert (response.status_code, response.json()["code"]) == (400, 20001)
    assert f"{megabytes} MB" in response.json()["message"]


def test_the_front_page_is_the_index_of_the_assets(door: Door, site: Site) -> None:
    """The asset at / or, without one, /assets/index.html."""
    answer = door.ask("GET", site.domain_name, "/")
    assert (answer.content, answer.headers["content-type"]) == (b"<h1>Phones", "text/html")
    assert door.ask("GET", site.domain_name, "/assets/").status_code == 404
