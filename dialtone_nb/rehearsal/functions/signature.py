"""Whether a request carries the signature that Twilio would have put on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

from dialtone_nb.rehearsal.http.parameters import Pairs

if TYPE_CHECKING:
    from dialtone_nb.rehearsal.http.requests import HttpRequest


class Params(dict[str, list[str]]):
    """Form parameters with repeated names, as the validator of twilio-python takes them."""

    def getlist(self, name: str) -> list[str]:
        """Every value of a name."""
        return self[name]


def gathered(pairs: Pairs) -> Params:
    """The values of each name, in order."""
    params = Params()
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def is_signed(incoming: HttpRequest, auth_token: str) -> bool:
    """Whether the request carries the signature that Twilio would have put on it."""
    signature = incoming.headers.get("x-twilio-signature", "")
    url = f"https://{incoming.host}{incoming.raw_path}" + (f"?{incoming.query_string}" if incoming.query_string else "")
    params: Params | str = Params()
    if incoming.is_form:
        params = gathered(incoming.form)
    elif incoming.body and "bodySHA256" in dict(incoming.query):
        params = incoming.body.decode("utf-8", "replace")
    return bool(RequestValidator(auth_token).validate(url, params, signature))
