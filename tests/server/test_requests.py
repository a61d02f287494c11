"""Twilio's request signature, and the URL that it covers, which only declared proxies may change."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from dialtone_nb.server.requests import RequestParameters, SignatureCheck, public_base

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
PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
FORWARDED = {"host": "127.0.0.1:8080", "x-forwarded-proto": "https", "x-forwarded-host": "calls.example.org"}


def test_the_documented_example_is_valid() -> None:
    """Token, URL, parameters and signature are from Twilio's documentation."""
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
    """Another scheme, query or value, or nonsense, is invalid, without an exception."""
    assert not check.is_valid(url, RequestParameters({**DOCUMENTED, **change}), signature)


def test_the_default_port_may_be_in_what_was_signed_or_not() -> None:
    """Twilio is inconsistent about it, so its validator accepts both."""
    with_port = RequestValidator(TOKEN).compute_signature("https://example.com:443/sip", DOCUMENTED)
    assert check.is_valid("https://example.com/sip", DOCUMENTED, with_port)
    without = RequestValidator(TOKEN).compute_signature("https://example.com/sip", DOCUMENTED)
    assert check.is_valid("https://example.com:443/sip", DOCUMENTED, without)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), min_size=1, max_size=3)), st.booleans())
def test_the_short_way_says_what_the_validator_says(parameters: dict[str, list[str]], is_right: bool) -> None:
    """Blank values, repeated ones, any characters: the same result."""
    values, validator = RequestParameters(parameters), RequestValidator(TOKEN)
    signature = validator.compute_signature(URL if is_right else URL + "x", values)
    assert check.is_valid(URL, values, signature) == validator.validate(URL, values, signature) == is_right


@pytest.mark.parametrize(
    ("peer", "headers", "base"),
    [
        ("192.0.2.7", {"host": "calls.example.org:8080"}, "http://calls.example.org:8080"),
        ("192.0.2.7", FORWARDED, "http://127.0.0.1:8080"),
        ("10.1.2.3", FORWARDED, "https://calls.example.org"),
        ("::ffff:10.1.2.3", FORWARDED, "https://calls.example.org"),
        ("::1", FORWARDED, "https://calls.example.org"),
        ("10.1.2.3", {"host": "calls.example.org", "x-forwarded-proto": "https"}, "https://calls.example.org"),
        ("10.1.2.3", {"host": "calls.example.org"}, "http://calls.example.org"),
        ("10.1.2.3", FORWARDED | {"x-forwarded-port": "443"}, "https://calls.example.org"),
        ("10.1.2.3", FORWARDED | {"x-forwarded-port": "8443"}, "https://calls.example.org:8443"),
        ("10.1.2.3", FORWARDED | {"host": "x:1", "x-forwarded-port": "1"}, "https://calls.example.org:1"),
        (
            "10.1.2.3",
            FORWARDED | {"x-forwarded-host": "calls.example.org:8443", "x-forwarded-port": "443"},
            "https://calls.example.org:8443",
        ),
        ("10.1.2.3", FORWARDED | {"x-forwarded-host": "[2001:db8::1]"}, "https://[2001:db8::1]"),
        ("10.1.2.3", FORWARDED | {"x-forwarded-proto": "gopher"}, ""),
        ("192.0.2.7", {}, ""),
        ("", {"host": "calls.example.org"}, "http://calls.example.org"),
    ],
)
def test_where_a_request_was_made(peer: str, headers: dict[str, str], base: str) -> None:
    """Scheme and host come from the request, or from a declared proxy's headers."""
    assert public_base(peer, headers, PROXIES) == base


def test_what_a_caller_writes_ahead_of_the_proxy_does_not_count() -> None:
    """A proxy appends its own value, so that the last one counts."""
    headers = {
        "host": "127.0.0.1",
        "x-forwarded-for": "198.51.100.4, 203.0.113.9",
        "x-forwarded-proto": "http, https",
        "x-forwarded-host": "evil.example, calls.example.org",
    }
    assert public_base("10.0.0.1", headers, PROXIES) == "https://calls.example.org"


def test_behind_two_declared_proxies_the_outer_one_knows() -> None:
    """The inner proxy sees the outer one's address, and plain HTTP between them."""
    headers = {
        "host": "127.0.0.1",
        "x-forwarded-for": "198.51.100.4, 203.0.113.9, 10.0.0.2",
        "x-forwarded-proto": "gopher, https, http",
        "x-forwarded-host": "evil.example, calls.example.org, inner.example.org",
    }
    assert public_base("10.0.0.1", headers, PROXIES) == "https://calls.example.org"


def test_an_inner_proxy_that_replaces_the_headers_is_believed_too() -> None:
    """Then there is one value, whatever number of proxies is declared."""
    headers = {"host": "x", "x-forwarded-for": "203.0.113.9, 10.0.0.2", "x-forwarded-proto": "https"}
    assert public_base("10.0.0.1", headers, PROXIES) == "https://x"


def test_while_a_token_is_rotated_both_are_taken() -> None:
    """Twilio signs with the new one right after the promotion, without a restart in between."""
    check, form = SignatureCheck("a" * 32, "b" * 32), RequestParameters({"CallSid": ["CA1"]})
    for token, is_ours in (("a" * 32, True), ("b" * 32, True), ("c" * 32, False), ("", False)):
        signature = RequestValidator(token).compute_signature("https://x.example/sip-outgoing", form)
        assert check.is_valid("https://x.example/sip-outgoing", form, signature) is is_ours
    without = SignatureCheck("a" * 32, "")
    assert not without.is_valid(
        "https://x.example/", form, RequestValidator("").compute_signature("https://x.example/", form)
    )
