"""The URL that Twilio signed, behind proxies and without: only declared ones are believed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from dialtone_nb.server.public_url import public_base

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))
FORWARDED = {"host": "127.0.0.1:8080", "x-forwarded-proto": "https", "x-forwarded-host": "calls.example.org"}


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
    """Scheme and host come from the request itself, or from what a declared proxy says of it."""
    assert public_base(peer, headers, PROXIES) == base


def test_what_a_caller_writes_ahead_of_the_proxy_does_not_count() -> None:
    """One proxy adds its own value behind whatever was there: the last one is its."""
    headers = {
        "host": "127.0.0.1",
        "x-forwarded-for": "198.51.100.4, 203.0.113.9",
        "x-forwarded-proto": "http, https",
        "x-forwarded-host": "evil.example, calls.example.org",
    }
    assert public_base("10.0.0.1", headers, PROXIES) == "https://calls.example.org"


def test_behind_two_declared_proxies_the_outer_one_knows() -> None:
    """The inner one sees the outer one's address, and plain HTTP between the two."""
    headers = {
        "host": "127.0.0.1",
        "x-forwarded-for": "198.51.100.4, 203.0.113.9, 10.0.0.2",
        "x-forwarded-proto": "gopher, https, http",
        "x-forwarded-host": "evil.example, calls.example.org, inner.example.org",
    }
    assert public_base("10.0.0.1", headers, PROXIES) == "https://calls.example.org"


def test_an_inner_proxy_that_replaces_the_headers_is_believed_too() -> None:
    """One value is all that there is, however many proxies are named."""
    headers = {"host": "x", "x-forwarded-for": "203.0.113.9, 10.0.0.2", "x-forwarded-proto": "https"}
    assert public_base("10.0.0.1", headers, PROXIES) == "https://x"
