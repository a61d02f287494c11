"""SIP credential lists and the credentials in them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from dialtone_nb.rehearsal.api.classic import account_uri, classic, stamped
from dialtone_nb.rehearsal.fields import Field, matching, read_fields
from dialtone_nb.rehearsal.operations import Ask, Reply
from dialtone_nb.rehearsal.paging import list_reply
from dialtone_nb.rehearsal.refusal import Refusal, absent
from dialtone_nb.rehearsal.store import Tables, Thing

MOST_LISTS = 100
MOST_CREDENTIALS = 1000
REALM = "sip.twilio.com"
# Whether a second credential of a name answers 21240 or 21243 is an assumption.
DUPLICATE_USERNAME = 21243


def _password(text: str) -> str:
    wants = {"12 characters": r".{12,}", "a digit": r"[0-9]", "an upper case letter": r"[A-Z]"}
    wants["a lower case letter"] = r"[a-z]"
    for want, pattern in wants.items():
        if not re.search(pattern, text):
            raise ValueError(f"must have at least {want}")
    return text


LIST_FIELDS = (Field("FriendlyName", required=True, longest=64, code=21240),)
USERNAME = Field(
    "Username", matching(r"[^\s:@]+", "may not hold a space, : or @"), required=True, longest=32, code=21240
)
PASSWORD = Field("Password", _password, required=True, code=21243)


def digest_secret(username: str, password: str) -> str:
    """What a registrar needs to check a digest, in place of the password: HA1 of RFC 2617."""
    return hashlib.md5(f"{username}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()


def list_of(tables: Tables, ask: Ask, name: str = "CredentialListSid") -> Thing:
    """The credential list in the path."""
    found = tables.get("credential_list", ask.names[name])
    if found is None:
        raise absent(ask.path)
    return found


def _list_uri(tables: Tables, sid: str) -> str:
    return f"{account_uri(tables)}/SIP/CredentialLists/{sid}"


def list_body(tables: Tables, thing: Thing) -> dict[str, Any]:
    """A credential list as Twilio shows it."""
    uri = _list_uri(tables, thing.sid)
    return {
        **stamped(tables, thing),
        "friendly_name": thing.body["friendly_name"],
        "uri": f"{uri}.json",
        "subresource_uris": {"credentials": f"{uri}/Credentials.json"},
    }


def credential_body(tables: Tables, credential: Thing) -> dict[str, Any]:
    """A credential as Twilio shows it: never the password."""
    return {
        **stamped(tables, credential),
        "credential_list_sid": credential.parent,
        "username": credential.body["username"],
        "uri": f"{_list_uri(tables, credential.parent)}/Credentials/{credential.sid}.json",
    }


def _named_once(tables: Tables, name: str, own: str = "") -> None:
    other = tables.find("credential_list", "", name)
    if other and other.sid != own:
        raise Refusal(21240, f"A credential list with the friendly name {name} already exists")


def create_list(tables: Tables, ask: Ask) -> Reply:
    """A new, empty credential list; friendly names are unique."""
    values = read_fields(LIST_FIELDS, ask.form)
    _named_once(tables, values["friendly_name"])
    if tables.count("credential_list", "") >= MOST_LISTS:
        raise Refusal(21239, f"The maximum of {MOST_LISTS} credential lists is reached")
    return Reply(201, list_body(tables, tables.add("CL", "credential_list", "", values["friendly_name"], values)))


def list_lists(tables: Tables, ask: Ask) -> Reply:
    """All credential lists."""
    things = tables.list("credential_list", "")
    return list_reply(ask, "credential_lists", things, lambda c: list_body(tables, c), lambda c: str(c.sid))


def fetch_list(tables: Tables, ask: Ask) -> Reply:
    """One credential list."""
    return Reply(200, list_body(tables, list_of(tables, ask, "Sid")))


def update_list(tables: Tables, ask: Ask) -> Reply:
    """A credential list with another friendly name."""
    thing = list_of(tables, ask, "Sid")
    values = read_fields(LIST_FIELDS, ask.form)
    _named_once(tables, values["friendly_name"], thing.sid)
    return Reply(200, list_body(tables, tables.save(thing, values, name=values["friendly_name"])))


def delete_list(tables: Tables, ask: Ask) -> Reply:
    """Nothing; the list and its credentials are gone. One that is mapped to a domain stays."""
    thing = list_of(tables, ask, "Sid")
    for kind in ("calls_mapping", "registrations_mapping"):
        if any(mapping.name == thing.sid for mapping in tables.list(kind)):
            raise Refusal(21241, f"Credential list {thing.sid} is still mapped to a domain")
    tables.remove(thing.sid)
    return Reply(204)


def _credential_of(tables: Tables, ask: Ask) -> Thing:
    credential = tables.get("credential", ask.names["Sid"], list_of(tables, ask).sid)
    if credential is None:
        raise absent(ask.path)
    return credential


def create_credential(tables: Tables, ask: Ask) -> Reply:
    """A new credential; its user name is unique in the list, and upper and lower case differ."""
    thing = list_of(tables, ask)
    values = read_fields((USERNAME, PASSWORD), ask.form)
    username = values["username"]
    if tables.find("credential", thing.sid, username):
        raise Refusal(DUPLICATE_USERNAME, f"A credential with the username {username} already exists in this list")
    if tables.count("credential", thing.sid) >= MOST_CREDENTIALS:
        raise Refusal(21242, f"The maximum of {MOST_CREDENTIALS} credentials is reached")
    body = {"username": username, "digest_secret": digest_secret(username, values["password"])}
    return Reply(201, credential_body(tables, tables.add("CR", "credential", thing.sid, username, body)))


def list_credentials(tables: Tables, ask: Ask) -> Reply:
    """All credentials of a list."""
    things = tables.list("credential", list_of(tables, ask).sid)
    return list_reply(ask, "credentials", things, lambda c: credential_body(tables, c), lambda c: str(c.sid))


def fetch_credential(tables: Tables, ask: Ask) -> Reply:
    """One credential."""
    return Reply(200, credential_body(tables, _credential_of(tables, ask)))


def update_credential(tables: Tables, ask: Ask) -> Reply:
    """A credential with another password."""
    credential = _credential_of(tables, ask)
    values = read_fields((PASSWORD,), ask.form, creating=False)
    changes = {"digest_secret": digest_secret(credential.name, values["password"])} if values else {}
    return Reply(200, credential_body(tables, tables.save(credential, changes)))


def delete_credential(tables: Tables, ask: Ask) -> Reply:
    """Nothing; the credential is gone."""
    tables.remove(_credential_of(tables, ask).sid)
    return Reply(204)


LISTS = "/SIP/CredentialLists"
CREDENTIALS = LISTS + "/{CredentialListSid}/Credentials"
OPERATIONS = (
    classic("GET", LISTS, list_lists),
    classic("POST", LISTS, create_list),
    classic("GET", LISTS + "/{Sid}", fetch_list),
    classic("POST", LISTS + "/{Sid}", update_list),
    classic("DELETE", LISTS + "/{Sid}", delete_list),
    classic("GET", CREDENTIALS, list_credentials),
    classic("POST", CREDENTIALS, create_credential),
    classic("GET", CREDENTIALS + "/{Sid}", fetch_credential),
    classic("POST", CREDENTIALS + "/{Sid}", update_credential),
    classic("DELETE", CREDENTIALS + "/{Sid}", delete_credential),
)
