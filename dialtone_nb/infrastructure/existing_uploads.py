"""Uploads that are in no build, as the run that made them broke off: adopted, so that nothing is uploaded twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from dialtone_nb.account.account import Account
from dialtone_nb.infrastructure.resources.functions import fetch_content, list_versions
from dialtone_nb.infrastructure.resources.model import Item, Kind
from dialtone_nb.service.bundle import MANIFEST, Bundle, Module, write_manifest


def is_wanted(version: Item, bundle: Bundle) -> bool:
    """Whether a version holds just what the bundle has at its path; the manifest that of a build of just this code."""
    if version.key == MANIFEST:
        return version.fields["sha256"] == bundle.digest
    module = bundle.modules.get(version.key)
    return module is not None and dict(version.fields) == _fields(module)


def adopt_uploads(
    account: Account,
    service_sid: str,
    functions: Iterable[Item],
    versions: Mapping[str, Item],
    built: Collection[str],
    bundle: Bundle,
) -> dict[str, Item]:
    """The versions by path, and in place of those that are not what the bundle has the uploads that are; only reading.

    `built` has the SIDs of the versions that are known from builds, which need not be read.
    """
    missing = [
        one
        for one in functions
        if (one.key in bundle.modules or one.key == MANIFEST)
        and not (one.key in versions and is_wanted(versions[one.key], bundle))
    ]

    def find(function: Item) -> Item | None:
        return _find_upload(account, service_sid, function, bundle.modules[function.key], built)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, (one for one in missing if one.key != MANIFEST)))
    adopted = {**versions, **{one.key: one for one in found if one}}
    manifest = next((one for one in missing if one.key == MANIFEST), None)
    if manifest and all(path in adopted and is_wanted(adopted[path], bundle) for path in bundle.modules):
        # A manifest names the SIDs of the others, so it is known only once all of them are.
        module = Module(MANIFEST, "private", write_manifest(_listed(adopted, bundle)))
        upload = _find_upload(account, service_sid, manifest, module, ())
        if upload:
            fields = {"visibility": "private", "sha256": bundle.digest}
            adopted[MANIFEST] = Item(upload.kind, MANIFEST, fields, upload.sid, upload.given)
    return adopted


def _find_upload(
    account: Account, service_sid: str, function: Item, module: Module, built: Collection[str]
) -> Item | None:
    for version in list_versions(account, service_sid, function.sid):
        if version.sid in built or str(version.visibility).lower() != module.visibility:
            continue
        if fetch_content(account, service_sid, function.sid, version.sid).encode() == module.content:
            given = {"function_sid": function.sid}
            return Item(Kind.FUNCTION_VERSION, function.key, _fields(module), version.sid, given)
    return None


def _listed(versions: Mapping[str, Item], bundle: Bundle) -> dict[str, tuple[str, str, str]]:
    return {path: (versions[path].sid, module.visibility, module.sha256) for path, module in bundle.modules.items()}


def _fields(module: Module) -> dict[str, str]:
    return {"visibility": module.visibility, "sha256": module.sha256}
