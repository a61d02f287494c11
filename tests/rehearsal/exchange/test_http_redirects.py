"""HTTP redirects in the response to a webhook, which Twilio follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, redirect, request

from dialtone_nb.testing.account import Call, RehearsedAccount

Ring = Callable[[str], Call]
XML = {"Content-Type": "text/xml"}


def twiml(inside: str) -> tuple[str, dict[str, str]]:
    """A response of an application."""
    return f"<Response>{inside}</Response>", XML


@pytest.fixture
def ring(twilio_rehearsal: RehearsedAccount) -> Ring:
    """Call a number whose voice URL is a path of an application that redirects."""
    app = Flask(__name__)

    @app.route("/moved/<int:status>", methods=["GET", "POST"])
    def moved(status: int) -> Any:
        return redirect("/there/voice", status)

    @app.route("/there/<path>", methods=["GET", "POST"])
    def there(path: str) -> Any:
        return twiml(
            f"<Say>{request.method} {request.form.get('CallStatus', 'nothing')}</Say><Redirect>next</Redirect>"
        )

    @app.post("/there/next")
    def next_document() -> Any:
        return twiml("<Say>next to it</Say>")

    @app.route("/circle", methods=["GET", "POST"])
    def circle() -> Any:
        return redirect("/circle")

    @app.route("/to", methods=["GET", "POST"])
    def away() -> Any:
        return "", 302, {"Location": request.values["url"]}

    url = twilio_rehearsal.serve(app)

    def ring_path(path: str) -> Call:
        twilio_rehearsal.client.incoming_phone_numbers.create(phone_number="+15035550142", voice_url=url + path)
        return twilio_rehearsal.far_side("+12125550155").calls("+15035550142")

    return ring_path


@pytest.mark.parametrize(
    ("status", "heard"), [(301, "GET nothing"), (302, "GET nothing"), (303, "GET nothing"), (307, "POST ringing")]
)
def test_the_document_is_where_it_leads(ring: Ring, status: int, heard: str) -> None:
    """Requested by GET, or by the same method after 307; relative URLs in it are relative to its own."""
    call = ring(f"/moved/{status}")
    assert call.heard == [heard, "next to it"]
    assert call.alerts == []


def test_a_circle_ends_after_ten(ring: Ring) -> None:
    """With Twilio's error code."""
    assert [(alert.code, "Too many" in alert.message) for alert in ring("/circle").alerts] == [(11215, True)]


@pytest.mark.parametrize(("url", "code"), [("https://example.com/", 11205), ("http://[", 11200), ("mailto:a@b", 11200)])
def test_what_leads_off_this_machine_or_nowhere_is_an_alert(ring: Ring, url: str, code: int) -> None:
    """No other URL is requested."""
    assert [alert.code for alert in ring(f"/to?url={url}").alerts] == [code]
