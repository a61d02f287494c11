"""The account's own secrets: API keys, auth tokens, and the trunk's next password.

Each is shown only once, when it is made, and is written to a private file before anything else is done. No resource
holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dialtone_nb.account.account import Account
from dialtone_nb.errors import CredentialsError, Fault, PermissionMissingError
from dialtone_nb.infrastructure.resources.model import Action, ApplyContext, Group, Resource, ResourceType
from dialtone_nb.phones.passwords import generate_password
from dialtone_nb.phones.private_files import (
    delete_private_files,
    load_private_files,
    private_folder,
    save_private_files,
)

# No environment has this name, so that no phone's folder is beside these.
EVERYWHERE: Final = "all"
FILE: Final = "secret.env"
STANDARD: Final = "all but keys and accounts"
PRIMARY, SECONDARY, NEXT = "primary", "secondary", "next"
IN_USE, PROMOTED, KEPT = "the one in use", "the secondary one", "kept here"


def secret_folder(private: Path, name: str) -> Path:
    """The folder of a secret of the account: private/all/<name>."""
    return private_folder(EVERYWHERE, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"), root=private)


def keep_secret(private: Path, name: str, variables: Mapping[str, str]) -> None:
    """Write a secret to its private file, as lines for a .env."""
    lines = "".join(f"{variable}={value}\n" for variable, value in variables.items())
    save_private_files(secret_folder(private, name), {FILE: lines})


def kept_secret(private: Path, name: str, variable: str) -> str:
    """The secret as it is kept here, or empty."""
    lines = load_private_files(secret_folder(private, name)).get(FILE, "").splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{variable}=")), "")


# --- API keys ---


def list_api_keys(account: Account) -> list[Resource]:
    """The account's API keys by friendly name, with what each may do."""
    try:
        keys = account.owner.iam.v1.get_api_keys.list(account_sid=account.sid, page_size=100)
    except PermissionMissingError:
        raise
    except CredentialsError:
        # Twilio says "Authenticate", as if the key were wrong (error 20003, recorded 2026-03).
        repair = "set TWILIO_AUTH_TOKEN beside it, or use a Main key"
        raise CredentialsError(
            Fault("TWILIO_API_KEY", "is a standard key, which may see and make no keys", repair)
        ) from None
    # The list need not say what a key may do (recorded 2026-03), the key itself does.
    return [_key(account.owner.iam.v1.api_key(str(one.sid)).fetch()) for one in keys if one.friendly_name]


def permissions_text(allowed: Iterable[str]) -> str:
    """Permissions as a field of a resource: in order, so that equal ones are the same."""
    return " ".join(sorted(allowed))


def _key(found: Any) -> Resource:
    policy = found.policy
    allowed = permissions_text(map(str, policy["allow"])) if policy else STANDARD
    given = {"date_updated": str(found.date_updated)}
    return Resource(API_KEY, str(found.friendly_name), {"permissions": allowed, "secret": KEPT}, str(found.sid), given)


def create_api_key(context: ApplyContext, resource: Resource) -> Resource:
    """Make the key and keep its secret; a key whose secret did not arrive is useless, and is deleted."""
    before = [one for one in list_api_keys(context.account) if one.key == resource.key]
    keys, allowed = context.account.owner.iam.v1, str(resource.fields["permissions"])
    kind = {} if allowed == STANDARD else {"key_type": "restricted", "policy": {"allow": allowed.split()}}
    made = keys.new_api_key.create(account_sid=context.account.sid, friendly_name=resource.key, **kind)
    context.account.transport.keep_secret(str(made.secret))
    secret = {"TWILIO_API_KEY": str(made.sid), "TWILIO_API_SECRET": str(made.secret)}
    keep_secret(context.private, resource.key, secret)
    for one in before:
        keys.api_key(one.sid).delete()
    return Resource(resource.kind, resource.key, resource.fields, str(made.sid))


def update_api_key(context: ApplyContext, resource: Resource) -> Resource:
    """Give the key other permissions; its secret stays."""
    sid = context.sid_of(resource)
    policy = {"allow": str(resource.fields["permissions"]).split()}
    return _key(context.account.owner.iam.v1.api_key(sid).update(policy=policy))


def delete_api_key(context: ApplyContext, resource: Resource) -> None:
    """Delete the key and its kept secret: everything that uses it is refused."""
    context.account.owner.iam.v1.api_key(context.sid_of(resource)).delete()
    delete_private_files(secret_folder(context.private, resource.key))


def find_api_key(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the key up, and whether its secret arrived."""
    for one in list_api_keys(context.account):
        if one.key == resource.key and kept_secret(context.private, one.key, "TWILIO_API_KEY") == one.sid:
            return one
    return None


API_KEY = ResourceType(
    "API key",
    Group.ACCOUNT,
    create_api_key,
    find_api_key,
    update_api_key,
    delete_api_key,
    warnings={Action.DELETE: "whoever uses it is refused from then on"},
    undo={Action.DELETE: "no: make another key"},
    grave={Action.CREATE: "makes an API key", Action.UPDATE: "changes what a key may do"},
)


# --- auth tokens ---


def kept_token(private: Path) -> str:
    """The auth token that is, or will be, the next one; empty where none is being rotated."""
    return kept_secret(private, "auth token", "TWILIO_AUTH_TOKEN_SECONDARY")


def is_token_good(account: Account, token: str) -> bool:
    """Whether Twilio accepts an auth token, primary or secondary; an error if it says neither yes nor no."""
    url = f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}/IncomingPhoneNumbers.json"
    try:
        account.transport.request("GET", url, params={"PageSize": 1}, auth=(account.sid, token))
    except CredentialsError:
        return False
    return True


def was_promoted(account: Account, token: str) -> bool:
    """Whether Twilio takes this token alone, and no longer the one in use here."""
    return not is_token_good(account, account.credentials.auth_token) and is_token_good(account, token)


def list_auth_tokens(account: Account, private: Path) -> list[Resource]:
    """The primary token, and the secondary one where it is kept here and Twilio takes it: it has no list of them."""
    found = [Resource(ACCOUNT_TOKEN, PRIMARY, {"token": IN_USE})]
    token = kept_token(private)
    if token and token != account.credentials.auth_token and is_token_good(account, token):
        found.append(Resource(ACCOUNT_TOKEN, SECONDARY))
    return found


def create_secondary_token(context: ApplyContext, resource: Resource) -> Resource:
    """Make the secondary token; both are good until one of them goes, and Twilio signs with the primary one."""
    made = context.account.owner.accounts.v1.secondary_auth_token().create()
    token = str(made.secondary_auth_token)
    context.account.transport.keep_secret(token)
    keep_secret(context.private, "auth token", {"TWILIO_AUTH_TOKEN_SECONDARY": token})
    return Resource(resource.kind, resource.key)


def promote_token(context: ApplyContext, resource: Resource) -> Resource:
    """Make the secondary token the primary one: the old one is refused from that moment."""
    promoted = context.account.owner.accounts.v1.auth_token_promotion().update()
    take_promoted(context.account, context.private, str(promoted.auth_token))
    return resource


def take_promoted(account: Account, private: Path, token: str) -> None:
    """Go on with the promoted token, here and in the private file."""
    account.renew(token)
    keep_secret(private, "auth token", {"TWILIO_AUTH_TOKEN": token})


def delete_secondary_token(context: ApplyContext, resource: Resource) -> None:
    """Delete the secondary token, and what is kept of it."""
    context.account.owner.accounts.v1.secondary_auth_token().delete()
    delete_private_files(secret_folder(context.private, "auth token"))


def find_auth_token(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look a token up: if no answer came, the one that Twilio accepts shows whether it was promoted."""
    account, token = context.account, kept_token(context.private)
    if resource.key == PRIMARY and token and was_promoted(account, token):
        take_promoted(account, context.private, token)
        return Resource(ACCOUNT_TOKEN, PRIMARY, {"token": PROMOTED})
    return next((one for one in list_auth_tokens(account, context.private) if one.key == resource.key), None)


ACCOUNT_TOKEN = ResourceType(
    "auth token",
    Group.ACCOUNT,
    create_secondary_token,
    find_auth_token,
    promote_token,
    delete_secondary_token,
    warnings={
        Action.UPDATE: "whoever holds only the old one, such as a server or a workflow, is refused from that moment",
        Action.DELETE: "whoever holds it already is refused",
    },
    undo={Action.CREATE: "run with abandon", Action.UPDATE: "no: the old token is gone"},
    grave={Action.CREATE: "makes an auth token", Action.UPDATE: "changes the auth token"},
)


# --- the trunk's next password ---


def list_trunk_passwords(private: Path) -> list[Resource]:
    """The trunk's next password, where one is kept here."""
    kept = kept_secret(private, "trunk password", "TRUNK_PASSWORD")
    return [Resource(NEXT_TRUNK_PASSWORD, NEXT)] if kept else []


def create_trunk_password(context: ApplyContext, resource: Resource) -> Resource:
    """Make the password, in a private file only: nothing uses it yet."""
    keep_secret(context.private, "trunk password", {"TRUNK_PASSWORD": generate_password()})
    return Resource(resource.kind, resource.key)


def find_trunk_password(context: ApplyContext, resource: Resource) -> Resource | None:
    """Look the password up."""
    return next(iter(list_trunk_passwords(context.private)), None)


def delete_trunk_password(context: ApplyContext, resource: Resource) -> None:
    """Delete the password here: the trunk has it by now."""
    delete_private_files(secret_folder(context.private, "trunk password"))


NEXT_TRUNK_PASSWORD = ResourceType(
    "trunk password",
    Group.ACCOUNT,
    create_trunk_password,
    find_trunk_password,
    delete=delete_trunk_password,
    undo={Action.CREATE: "run with abandon", Action.DELETE: "no: but TRUNK_PASSWORD is set to it here"},
)
