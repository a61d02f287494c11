"""Compare requests and responses with Twilio's OpenAPI documents, and list what they do not allow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from jsonschema import Draft202012Validator, FormatChecker

from dialtone_nb.rehearsal.openapi import DocumentedOperation, list_operations, read_documents

FORMATS = {
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "date-time-rfc-2822": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000",
    "date": r"\d{4}-\d\d-\d\d",
    # Classic addresses are relative, the others absolute; a URL that was never set is empty there.
    "uri": r"(?:https://\S+|/\S+)?",
    "http-method": r"GET|POST|HEAD|PATCH|PUT|DELETE",
    "iso-country-code": r"[A-Z]{2}",
    "currency": r"[A-Za-z]{3}",
}
# Where Twilio's schemas are not to be held to the letter: operation and fault, and how that is known.
DEPARTURES = {
    r"FetchPhoneNumberCountry .*_price: '\d+\.\d\d' is not of type 'number'": "text in the document's example",
    r"\w+IncomingPhoneNumber .*_application_sid: '' .*": "empty in the document's example",
    r"ListUsageRecord\w* .*/price: '\d+\.\d{5}' is not of type 'number'": "text in the document's example",
    r"ListDependentPhoneNumber .*_application_sid: '' .*": "empty, as an owned number's",
    r"ListAvailablePhoneNumberLocal .*itude: '-?\d+\.\d{6}' is not of type 'number'": "text in the document's example",
    r"ListAvailablePhoneNumberLocal .*/capabilities: '[sm]ms' is a required property": "seen in upper case",
    r"ListAvailablePhoneNumberLocal .*/capabilities: .*\('MMS', 'SMS' were unexpected\)": "seen in upper case",
    r"ListAvailablePhoneNumber\w+ value: '\w+' is a required property": "only uri in the document's example",
    r"\w+IncomingPhoneNumber .*'(type|voice_receive_mode)' is a required property": "in no number of a recorded list",
    r"\w+(Alert|CallNotification) .*request_(method: 'INVITE'|url: 'sip:).*": "a recorded 32009's",
}
CHECKER = FormatChecker(formats=())
for name_, pattern_ in FORMATS.items():
    CHECKER.checks(name_)(
        lambda value, pattern=pattern_: not isinstance(value, str) or bool(re.fullmatch(pattern, value))
    )


@dataclass(frozen=True)
class Exchange:
    """A request and its response as sent; bodies are parsed."""

    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    status: int
    body: Any


def read_exchange(response: requests.Response) -> Exchange:
    """The request and the response, from a response of `requests`."""
    asked = response.request
    parts = urlsplit(asked.url or "")
    body = asked.body or ""
    is_form = "urlencoded" in asked.headers.get("Content-Type", "")
    return Exchange(
        asked.method or "",
        asked.headers["Host"],
        parts.path,
        tuple(parse_qsl(parts.query, keep_blank_values=True)),
        tuple(parse_qsl(body if isinstance(body, str) else body.decode(), keep_blank_values=True)) if is_form else (),
        response.status_code,
        response.json() if response.content else None,
    )


class Contract:
    """All documented operations, and what each of them allows."""

    def __init__(self) -> None:
        self._documents = read_documents()
        self.operations = tuple(
            operation
            for product, document in self._documents.items()
            for operation in list_operations(product, document)
        )
        self._patterns = [
            (
                operation.host,
                operation.method,
                re.compile(re.sub(r"\\{\w+\\}", "[^/]+?", re.escape(operation.path))),
                operation,
            )
            for operation in sorted(self.operations, key=lambda one: one.path.count("{"))
        ]

    def operation_of(self, exchange: Exchange) -> DocumentedOperation | None:
        """The operation that was requested."""
        for host, method, pattern, operation in self._patterns:
            if (host, method) == (exchange.host, exchange.method) and pattern.fullmatch(exchange.path):
                return operation
        return None

    def described(self, operation: DocumentedOperation) -> dict[str, Any]:
        """The operation as its document describes it."""
        described: dict[str, Any] = self._documents[operation.product]["paths"][operation.path][
            operation.method.lower()
        ]
        return described

    def parameters(self, operation: DocumentedOperation) -> dict[str, tuple[dict[str, Any], bool]]:
        """The schema of each parameter of query and form, and whether it is required."""
        described = self.described(operation)
        found = {
            one["name"]: (self.schema(operation.product, one["schema"]), bool(one.get("required")))
            for one in described.get("parameters", ())
            if one["in"] == "query"
        }
        content = described.get("requestBody", {}).get("content", {})
        form = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
        for name, schema in form.get("properties", {}).items():
            found[name] = (self.schema(operation.product, schema), name in form.get("required", ()))
        return found

    def schema(self, product: str, schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of an OpenAPI 3.0 schema, without additional properties, its references resolved."""
        while "$ref" in schema:
            at: Any = self._documents[product]
            for step in schema["$ref"].removeprefix("#/").split("/"):
                at = at[step]
            schema = at
        plain = {
            key: value
            for key, value in schema.items()
            if key in {"type", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum"}
        }
        if "properties" in schema:
            properties = {name: self.schema(product, one) for name, one in schema["properties"].items()}
            plain |= {"properties": properties, "required": list(properties), "additionalProperties": False}
        if "items" in schema:
            plain["items"] = self.schema(product, schema["items"])
        if schema.get("nullable"):
            return {"anyOf": [{"type": "null"}, plain]}
        return plain

    def violations(self, exchange: Exchange) -> list[str]:
        """What the documents do not allow in a successful exchange, a line each."""
        operation = self.operation_of(exchange)
        if operation is None:
            return [f"{exchange.method} {exchange.host}{exchange.path} is not documented"]
        return [*self._request_violations(operation, exchange), *self._reply_violations(operation, exchange)]

    def _request_violations(self, operation: DocumentedOperation, exchange: Exchange) -> Iterator[str]:
        parameters = self.parameters(operation)
        sent = [*exchange.query, *exchange.form]
        for name, value in sent:
            if name not in parameters:
                yield f"the request has {name}, which is not documented"
                continue
            schema, _ = parameters[name]
            for line in faults(_as_item(schema), _typed(_as_item(schema), value)):
                yield f"the request's {name}: {line}"
        for name, (_, is_required) in parameters.items():
            if is_required and name not in dict(sent):
                yield f"the request has no {name}, which is required"

    def _reply_violations(self, operation: DocumentedOperation, exchange: Exchange) -> Iterator[str]:
        responses = self.described(operation)["responses"]
        if str(exchange.status) not in responses:
            yield f"the reply's status is {exchange.status}, not {' or '.join(responses)}"
            return
        content = responses[str(exchange.status)].get("content")
        if not content:
            if exchange.body is not None:
                yield "the reply has a body, where none is documented"
            return
        schema = self.schema(operation.product, content["application/json"]["schema"])
        for line in faults(schema, exchange.body):
            if not any(re.fullmatch(departure, f"{operation.operation_id} {line}") for departure in DEPARTURES):
                yield f"the reply's {line}"


def faults(schema: dict[str, Any], value: Any) -> Iterator[str]:
    """What a value's schema does not allow in it."""
    for error in Draft202012Validator(schema, format_checker=CHECKER).iter_errors(value):
        # Of the two ways that a nullable value can be right, the one that is not null is what to read.
        inner = [one for one in error.context or () if one.schema != {"type": "null"}] or [error]
        for one in inner:
            yield f"{'/'.join(map(str, one.absolute_path)) or 'value'}: {one.message[:200]}"


WRONG = {"integer": "many", "boolean": "perhaps", "object": "{"}
WRONG_FORMATS = {
    "date-time": "yesterday",
    "date": "yesterday",
    "uri": "nowhere",
    "http-method": "FETCH",
    "iso-country-code": "usa",
}


def wrong_value(schema: dict[str, Any]) -> str | None:
    """A text that is no valid value of a parameter; None if any text is one."""
    bare = _bare(_as_item(schema))
    if "enum" in bare or "pattern" in bare:
        return "no-such-value"
    if "maxLength" in bare:
        return "x" * (bare["maxLength"] + 1)
    return WRONG.get(bare.get("type", "")) or WRONG_FORMATS.get(bare.get("format", ""))


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["anyOf"][1] if "anyOf" in schema else schema
    return found


def _as_item(schema: dict[str, Any]) -> dict[str, Any]:
    # An array goes over the wire as its name repeated, once for each item.
    found: dict[str, Any] = _bare(schema).get("items", schema)
    return found


def _typed(schema: dict[str, Any], text: str) -> Any:
    kind = _bare(schema).get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "object":
        return json.loads(text)
    return text
