"""Request parameters as Twilio declares them: name, type, length, whether required, and the error code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dialtone_nb.rehearsal.http.errors import Refusal

Pairs = tuple[tuple[str, str], ...]


def text(value: str) -> str:
    """Any text."""
    return value


def flag(value: str) -> bool:
    """A boolean: true or false, in any case."""
    if value.lower() not in {"true", "false"}:
        raise ValueError("must be true or false")
    return value.lower() == "true"


def integer(value: str) -> int:
    """A whole number."""
    # The limit keeps int() from its own error about thousands of digits.
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise ValueError("must be an integer")
    return int(value)


def url(value: str) -> str:
    """An absolute http(s) URL, or the empty text, which clears the field."""
    if value:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is not a valid URL")
    return value


def method(value: str) -> str:
    """GET or POST."""
    if value.upper() not in {"GET", "POST"}:
        raise ValueError("must be GET or POST")
    return value.upper()


def choice(*choices: str) -> Callable[[str], str]:
    """A reader for one of these words."""

    def read(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return read


def matching(pattern: str, rule: str) -> Callable[[str], str]:
    """A reader for text that a pattern matches as a whole; `rule` is the message for any other."""
    compiled = re.compile(pattern)

    def read(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(rule)
        return value

    return read


def sid(prefix: str) -> Callable[[str], str]:
    """A reader for a SID with this prefix, or the empty text, which clears the field."""
    return matching(f"(?:{prefix}[0-9a-f]{{32}})?", f"must be a SID that begins with {prefix}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `longest` counts characters, `code` is Twilio's error code if it is invalid or missing."""

    name: str
    read: Callable[[str], Any] = text
    required: bool = False
    longest: int | None = None
    code: int = 20001

    @property
    def key(self) -> str:
        """The parameter's name as it appears in bodies: FriendlyName is friendly_name."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()


def webhook(url_name: str, url_code: int, method_name: str, method_code: int) -> tuple[Parameter, Parameter]:
    """The URL of a webhook and its HTTP method, each with its error code."""
    return Parameter(url_name, url, code=url_code), Parameter(method_name, method, code=method_code)


def read_parameters(parameters: Iterable[Parameter], pairs: Pairs, *, creating: bool = True) -> dict[str, Any]:
    """The declared parameters that were sent, as typed values by body key; as at Twilio, others are ignored."""
    sent = dict(pairs)
    values = {}
    for parameter in parameters:
        if parameter.name not in sent:
            if parameter.required and creating:
                raise Refusal(parameter.code, f"Missing required parameter {parameter.name} in the post body")
            continue
        values[parameter.key] = read_parameter(parameter, sent[parameter.name])
    return values


def read_parameter(parameter: Parameter, value: str) -> Any:
    """One parameter's typed value; raises Refusal if it is invalid."""
    if parameter.required and not value:
        raise Refusal(parameter.code, f"Missing required parameter {parameter.name} in the post body")
    if parameter.longest is not None and len(value) > parameter.longest:
        raise Refusal(parameter.code, f"{parameter.name} is longer than {parameter.longest} characters")
    try:
        return parameter.read(value)
    except ValueError as error:
        raise Refusal(parameter.code, f"Invalid {parameter.name}: it {error}") from None
