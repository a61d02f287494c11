"""What this Twilio answers otherwise to requests of its API: a handler around that of each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import orjson

from dialtone_nb.rehearsal.api import all_operations, incoming_phone_numbers
from dialtone_nb.rehearsal.api.serverless.deployments import DEPLOYMENTS
from dialtone_nb.rehearsal.api.serverless.environments import ENVIRONMENTS
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest, ApiResponse, Handler
from dialtone_nb.rehearsal.state.dialing_permissions import SWITCHES
from dialtone_nb.rehearsal.state.store import Tables

Deviation = Callable[[], AbstractContextManager[object]]
# How an operation is answered here, given how the rehearsal answers it.
Answer = Callable[[Handler, Tables, ApiRequest], ApiResponse]

# How the paths of operations end.
TO_CALL, TO_QUEUES, TO_QUEUE = "{AccountSid}/Calls/{Sid}", "{AccountSid}/Queues", "/Queues/{Sid}"
TO_NUMBERS, TO_NUMBER = "{AccountSid}/IncomingPhoneNumbers", "/IncomingPhoneNumbers/{Sid}"
TO_ADDRESS, TO_CREDENTIALS = "/Addresses/{Sid}", "/{CredentialListSid}/Credentials"
TO_DEPLOYMENTS, TO_VARIABLES = "/{EnvironmentSid}/Deployments", "/{EnvironmentSid}/Variables"
TO_VERSIONS, TO_BULK_UPDATES = "/Functions/{FunctionSid}/Versions", "/BulkCountryUpdates"
LARGEST_FUNCTION = 512 * 1024
LARGEST_QUEUE = 5000


def answered(method: str, path: str, answer: Answer) -> AbstractContextManager[object]:
    """Answer the operation whose path ends so, in rehearsals that start within the block."""
    before = all_operations.OPERATIONS
    changed = [one for one in before if one.method == method and one.path.removesuffix(".json").endswith(path)]
    assert len(changed) == 1, f"{method} {path} is no operation, or several"
    after = (replace(one, handler=partial(answer, one.handler)) if one is changed[0] else one for one in before)
    return patch.object(all_operations, "OPERATIONS", tuple(after))


def refused(
    method: str,
    path: str,
    is_it: Callable[[Refusal], bool],
    *,
    code: int | None = None,
    status: int | None = None,
) -> AbstractContextManager[object]:
    """Refuse with another code or status where the rehearsal's refusal is the one that is meant."""

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        try:
            return handler(tables, request)
        except Refusal as refusal:
            if not is_it(refusal):
                raise
            raise Refusal(code or refusal.code, refusal.message, status or refusal.status) from None

    return answered(method, path, answer)


def says(*words: str) -> Callable[[Refusal], bool]:
    """Whether a refusal has all these words in its message; its code is what is assumed, and may change."""
    return lambda refusal: all(word in refusal.message for word in words)


def _a_queue_has_room_for_many(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    if "MaxSize" not in dict(request.form):
        request = replace(request, form=(*request.form, ("MaxSize", str(LARGEST_QUEUE))))
    return handler(tables, request)


def _a_number_is_bought_with_its_address(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    response = handler(tables, request)
    if address_sid := dict(request.form).get("EmergencyAddressSid"):
        names = request.names | {"Sid": response.body["sid"]}
        given = replace(request, names=names, form=(("EmergencyAddressSid", address_sid),))
        return replace(incoming_phone_numbers.update(tables, given), status=response.status)
    return response


def _what_is_owned_is_not_for_sale(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    number = dict(request.form).get("PhoneNumber", "")
    if number and tables.find("phone_number", "", number):
        raise Refusal(21422, f"{number} is not available")
    return handler(tables, request)


def _a_large_function_is_refused(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    if request.upload and len(request.upload.content) > LARGEST_FUNCTION:
        raise Refusal(20001, f"Content of a function is larger than {LARGEST_FUNCTION // 1024} kB")
    return handler(tables, request)


def _taking_down_nothing_is_a_deployment(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
    environment = ENVIRONMENTS.at(tables, request, "EnvironmentSid")
    if dict(request.form).get("BuildSid") or environment.body["build_sid"]:
        return handler(tables, request)
    return DEPLOYMENTS.show(tables, DEPLOYMENTS.add(tables, environment.sid, "", {"build_sid": None}), 201)


def camel_case(key: str) -> str:
    """A key as in lowRiskNumbersEnabled."""
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)


def pascal_case(key: str) -> str:
    """A key as in LowRiskNumbersEnabled."""
    return "".join(word.capitalize() for word in key.split("_"))


def permissions_spelt(spell: Callable[[str], str]) -> Answer:
    """Read updates of dialling permissions in a spelling of keys, and in no other."""

    def answer(handler: Handler, tables: Tables, request: ApiRequest) -> ApiResponse:
        form = dict(request.form)
        try:
            countries = orjson.loads(form.get("UpdateRequest", ""))
            read = [{key: one[spell(key)] for key in ("iso_code", *SWITCHES) if spell(key) in one} for one in countries]
        except (orjson.JSONDecodeError, TypeError):
            return handler(tables, request)  # it can't be read, whatever the spelling
        if not all("iso_code" in one for one in read):
            raise Refusal(20001, f"Invalid UpdateRequest: {spell('iso_code')} is missing")
        response = handler(tables, replace(request, form=(("UpdateRequest", orjson.dumps(read).decode()),)))
        return replace(response, body=response.body | {"update_request": form["UpdateRequest"]})

    return answer


DEVIATIONS: Mapping[str, Deviation] = {
    "takes_emergency_address_at_purchase": lambda: answered("POST", TO_NUMBERS, _a_number_is_bought_with_its_address),
    "queue_max_size": lambda: answered("POST", TO_QUEUES, _a_queue_has_room_for_many),
    "not_complete_status": lambda: refused("DELETE", TO_CALL, lambda refusal: refusal.code == 20009, status=405),
    "queue_name_taken_code": lambda: refused("POST", TO_QUEUES, says("exists already"), code=22004),
    "queue_not_empty_code": lambda: refused("DELETE", TO_QUEUE, says("not empty"), code=20409, status=409),
    "weak_password_code": lambda: refused("POST", TO_CREDENTIALS, says("Password", "must have"), code=21244),
    "variable_taken_status": lambda: refused("POST", TO_VARIABLES, says("already exists"), status=422),
    "number_has_address_code": lambda: refused("DELETE", TO_NUMBER, says("Unregister"), code=21635),
    "address_in_use_code": lambda: refused("DELETE", TO_ADDRESS, says("is used by"), code=21632),
    "largest_function": lambda: answered("POST", TO_VERSIONS, _a_large_function_is_refused),
    "bulk_update_keys": lambda: answered("POST", TO_BULK_UPDATES, permissions_spelt(camel_case)),
    "buying_what_is_owned": lambda: answered("POST", TO_NUMBERS, _what_is_owned_is_not_for_sale),
    "nothing_deployed_again_status": lambda: answered("POST", TO_DEPLOYMENTS, _taking_down_nothing_is_a_deployment),
}
