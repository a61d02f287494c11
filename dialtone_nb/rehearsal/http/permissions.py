"""Restricted API keys: the permission that each operation of the API takes.

A permission is /twilio/<product>/<resource>/<action>. "read" is for one resource by its SID, "list" for all, and
neither includes the other (recorded 2026-03: wittyreference, error 70051). The names are from Twilio's own tables, as
Dixa's Scala client has them (com.dixa.twilio, ApiKeyPolicy). For resources without a row here, among them Serverless,
addresses and dialling permissions, no permission has been published, so a restricted key is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, Operation

ACTIONS = ("read", "list", "create", "update", "delete")
MOST = 100
MISSING, INVALID = 70051, 70002
_CREDENTIAL_MAPPINGS = "credential-list-mappings"
# Keys are the operations' paths without SIDs.
_RESOURCES = {
    "Accounts": "iam/accounts",
    "Keys": "iam/api-keys",
    "Alerts": "monitor/alerts",
    "Applications": "voice/twiml.apps",
    "Calls": "voice/calls",
    "Calls/Notifications": "voice/calls.notifications",
    "Calls/Recordings": "voice/calls.recordings",
    "Conferences": "voice/conferences",
    "IncomingPhoneNumbers": "phone-numbers/active-numbers",
    "Messages": "messaging/messages",
    "OutgoingCallerIds": "voice/outgoing-caller-ids",
    "Queues": "voice/queues",
    "Queues/Members": "voice/queues.member",
    "Recordings": "voice/recordings",
    "SIP/CredentialLists": "voice/sip.credential-lists",
    "SIP/CredentialLists/Credentials": "voice/sip.credential-lists.credentials",
    "SIP/Domains": "voice/sip.domains",
    "SIP/Domains/Auth/Calls/CredentialListMappings": f"voice/sip.domains.auth.calls.{_CREDENTIAL_MAPPINGS}",
    "SIP/Domains/Auth/Registrations/CredentialListMappings": (
        f"voice/sip.domains.auth.registrations.{_CREDENTIAL_MAPPINGS}"
    ),
    "SIP/Domains/CredentialListMappings": f"voice/sip.domains.auth.calls.{_CREDENTIAL_MAPPINGS}",
    "SIP/Domains/IpAccessControlListMappings": "voice/sip.ip-acl-mappings",
    "SIP/IpAccessControlLists": "voice/sip.ip-acls",
    "SIP/IpAccessControlLists/IpAddresses": "voice/sip.ip-acls.ip-addresses",
    "Transcriptions": "voice/transcriptions",
}
# Resources with one permission for reading, of one as of all.
_READ_ALONE = {
    "AvailablePhoneNumbers": "phone-numbers/available-phone-numbers",
    "Usage/Records": "billing/usage",
}
KNOWN = frozenset(
    [f"/twilio/{resource}/{action}" for resource in _RESOURCES.values() for action in (*ACTIONS, "*")]
    + [f"/twilio/{resource}/read" for resource in _READ_ALONE.values()]
)


def permission_of(operation: Operation) -> str:
    """The permission that an operation takes; empty if no restricted key may use it."""
    path = re.sub(r"^/(2010-04-01/Accounts/\{AccountSid\}|2010-04-01|v1)|\.json$", "", operation.path)
    is_one = path.endswith("}")
    name = re.sub(r"/\{\w+\}", "", path).strip("/") or "Accounts"
    for beginning, resource in _READ_ALONE.items():
        if name.startswith(beginning) and operation.method == "GET":
            return f"/twilio/{resource}/read"
    action = {"GET": "read" if is_one or not path else "list", "POST": "update" if is_one else "create"}
    resource = _RESOURCES.get(name, "")
    return f"/twilio/{resource}/{action.get(operation.method, 'delete')}" if resource else ""


def check_permission(operation: Operation, request: ApiRequest) -> None:
    """Raise Refusal (70051) if a restricted key lacks the permission for a request."""
    if request.allowed is None:
        return
    wanted = permission_of(operation)
    if not wanted:
        what = f"no permission of a restricted key covers {request.method} {request.host}{request.path}"
        raise Refusal(MISSING, f"Authorization Error: {what}", 401)
    if not request.allowed & {wanted, f"{wanted.rpartition('/')[0]}/*"}:
        raise Refusal(MISSING, f"Authorization Error: required permission {wanted.strip('/')} is missing", 401)


def check_policy(allow: Iterable[str]) -> tuple[str, ...]:
    """The permissions of a key's policy; raises Refusal if there are too many or none, or one is unknown."""
    wanted = tuple(allow)
    if unknown := [one for one in wanted if one not in KNOWN]:
        raise Refusal(INVALID, f"assertion '{unknown[0]}' is invalid")
    if not 0 < len(wanted) <= MOST:
        raise Refusal(70001, f"The request has constraint violations: 1 to {MOST} permissions")
    return wanted
