"""Signatures: as Twilio makes them, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from dialtone_nb.server.requests import RequestParameters
from dialtone_nb.server.signature import SignatureCheck

TOKEN = "12345"
URL = "https://example.com/myapp.php?foo=1&bar=2"
# The example in Twilio's own documentation of webhook security, with the signature that it gives.
DOCUMENTED = RequestParameters(
    CallSid=["CA1234567890ABCDE"],
    Caller=["+14158675310"],
    Digits=["1234"],
    From=["+14158675310"],
    To=["+18005551212"],
)
SIGNATURE = "L/OH5YylLD5NRKLltdqwSvS0BnU="
check = SignatureCheck(TOKEN)


def test_the_documented_example_is_valid() -> None:
    """Token, URL, parameters and signature stand in Twilio's pages."""
    assert check.is_valid(URL, DOCUMENTED, SIGNATURE)


@pytest.mark.parametrize(
    ("url", "change", "signature"),
    [
        (URL.replace("https", "http"), {}, SIGNATURE),
        (URL + "?", {}, SIGNATURE),
        (URL, {"Digits": ["1235"]}, SIGNATURE),
        (URL, {"Digits": ["1234", ""]}, "é"),
        (URL, {}, ""),
        (URL, {}, SIGNATURE.lower()),
        ("https://example.com:port/", {}, SIGNATURE),
        ("https://[x/", {}, SIGNATURE),
        ("https://example.com/\ud800", {}, SIGNATURE),
    ],
)
def test_what_differs_is_invalid(url: str, change: dict[str, list[str]], signature: str) -> None:
    """Another scheme, query, value, or nonsense: invalid, and never an exception."""
    assert not check.is_valid(url, RequestParameters({**DOCUMENTED, **change}), signature)


def test_the_default_port_may_be_in_what_was_signed_or_not() -> None:
    """Twilio is not consistent about it, so its validator takes both."""
    with_port = RequestValidator(TOKEN).compute_signature("https://example.com:443/sip", DOCUMENTED)
    assert check.is_valid("https://example.com/sip", DOCUMENTED, with_port)
    without = RequestValidator(TOKEN).compute_signature("https://example.com/sip", DOCUMENTED)
    assert check.is_valid("https://example.com:443/sip", DOCUMENTED, without)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), min_size=1, max_size=3)), st.booleans())
def test_the_short_way_says_what_the_validator_says(parameters: dict[str, list[str]], is_right: bool) -> None:
    """Blank values, repeated ones, any characters: the same verdict."""
    values, validator = RequestParameters(parameters), RequestValidator(TOKEN)
    signature = validator.compute_signature(URL if is_right else URL + "x", values)
    assert check.is_valid(URL, values, signature) == validator.validate(URL, values, signature) == is_right
