"""Whether a request comes from Twilio: its signature, over the URL and the parameters, by the account's auth token."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from twilio.request_validator import RequestValidator

from dialtone_nb.server.requests import RequestParameters

HEADER: Final = "x-twilio-signature"


class SignatureCheck:
    """Twilio's own validator, asked first for what fits nearly always."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def is_valid(self, url: str, parameters: RequestParameters, signature: str) -> bool:
        """Whether Twilio signed this request; never an exception, whatever somebody sent."""
        try:
            # The validator always works out two signatures, with the port in the URL and without; the one for the URL
            # as it stands is nearly always the one.
            expected = self._validator.compute_signature(url, parameters)
            if compare_digest(expected.encode(), signature.encode()):
                return True
            return bool(self._validator.validate(url, parameters, signature))
        except ValueError:  # a port that is no number, text that is no Unicode
            return False
