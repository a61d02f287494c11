"""SIP credential lists and the credentials in them."""

from __future__ import annotations

import re

from dialtone_nb.rehearsal.api.collection import API_2010, Collection
from dialtone_nb.rehearsal.api.sip.lists import Limit, SipLists, list_fields
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.parameters import Pairs, Parameter, matching, read_parameters
from dialtone_nb.rehearsal.state.domain_access import digest_secret
from dialtone_nb.rehearsal.state.store import Body, Tables, Thing

WRONG_LIST, STILL_MAPPED, TOO_MANY_LISTS, TOO_MANY_CREDENTIALS = 21240, 21241, 21239, 21242


def _password(text: str) -> str:
    wants = {"12 characters": r".{12,}", "a digit": r"[0-9]", "an upper case letter": r"[A-Z]"}
    wants["a lower case letter"] = r"[a-z]"
    for want, pattern in wants.items():
        if not re.search(pattern, text):
            raise ValueError(f"must have at least {want}")
    return text


USERNAME = Parameter(
    "Username", matching(r"[^\s:@]+", "may not hold a space, : or @"), required=True, longest=32, code=WRONG_LIST
)


def _password_parameter(tables: Tables) -> Parameter:
    return Parameter("Password", _password, required=True, code=tables.behaviour.weak_password_code)


def _make(tables: Tables, parent: Thing, form: Pairs) -> tuple[str, Body]:
    """A new credential from a form; user names are unique in their list and case-sensitive."""
    values = read_parameters((USERNAME, _password_parameter(tables)), form)
    username = values["username"]
    if tables.find("credential", parent.sid, username):
        message = f"A credential with the username {username} already exists in this list"
        raise Refusal(tables.behaviour.credential_taken_code, message)
    return username, {"username": username, "digest_secret": digest_secret(username, values["password"])}


def _change(tables: Tables, credential: Thing, form: Pairs) -> Body:
    """What changes in a credential: only its password can."""
    values = read_parameters((_password_parameter(tables),), form, creating=False)
    return {"digest_secret": digest_secret(credential.name, values["password"])} if values else {}


def _fields(tables: Tables, credential: Thing) -> Body:
    return {"username": credential.body["username"]}


LISTS = Collection(
    API_2010,
    "SIP/CredentialLists",
    kind="credential_list",
    prefix="CL",
    fields=list_fields,
    links={"credentials": "Credentials"},
)
CREDENTIALS = Collection(API_2010, "Credentials", kind="credential", prefix="CR", above=LISTS, fields=_fields)
CREDENTIAL_LISTS = SipLists(
    LISTS,
    CREDENTIALS,
    word="Credential list",
    longest_name=64,
    limit=Limit(100, TOO_MANY_LISTS),
    entry_limit=Limit(1000, TOO_MANY_CREDENTIALS),
    mappings=("calls_mapping", "registrations_mapping"),
    duplicate=WRONG_LIST,
    still_mapped=STILL_MAPPED,
    make_entry=_make,
    change_entry=_change,
)
OPERATIONS = CREDENTIAL_LISTS.operations()
