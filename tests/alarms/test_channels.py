"""The channels: what arrives, what an error says, and that no message has a secret in it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dialtone_nb.alarms.book import Message
from dialtone_nb.alarms.channels import open_channels, send_mail, send_to_webhook
from dialtone_nb.alarms.rules import Mail, Rule, Rules, Webhook
from dialtone_nb.errors import InputError
from tests.alarms.mail_server import Mailbox, mail_server

TITLE = 'clinic\r\nBcc: all@example.org "loses" 8 of 9'
MESSAGE = Message(
    "alarm-12-1", "mail", "lost", "new", TITLE, f"{TITLE}\nWhat to do: run é", "run", datetime(2026, 6, 1, tzinfo=UTC)
)
SECRET = "s3cret-T0ken"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server of the test's own."""
    with mail_server() as box:
        yield box


def mail(box: Mailbox, **more: object) -> Mail:
    """A channel to that server."""
    about = {"host": "127.0.0.1", "port": box.port, "security": "none", "sender": "phones@example.org"}
    return Mail.model_validate({**about, "to": ["operator@example.org"], **more})


def test_a_letter_arrives_with_its_id_and_no_more_headers_than_ours(box: Mailbox) -> None:
    """A repeated message has the same Message-ID; line breaks in a title add no header."""
    assert send_mail(mail(box, user="phones"), SECRET, MESSAGE) == ""
    assert send_mail(mail(box), SECRET, MESSAGE) == ""
    assert [one["Message-ID"] for one in box.letters] == ["<alarm-12-1@example.org>"] * 2
    letter = box.letters[0]
    text = letter.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert letter["Bcc"] is None
    assert letter["Subject"] == '[dialtone] clinic Bcc: all@example.org "loses" 8 of 9'
    assert "What to do: run é" in text.decode()
    assert box.logins == [b"\0phones\0" + SECRET.encode()]
    assert SECRET not in str(letter)


@pytest.mark.parametrize(
    ("command", "reply", "says"),
    [
        ("AUTH", f"535 {SECRET} is wrong", "answers 535: user name or password is wrong"),
        ("RCPT", "550 no such user", "refuses operator@example.org"),
        ("MAIL", "553 not you", "answers 553: it refuses an address"),
        ("DATA", "554 spam", "answers 554: it refuses the message"),
        ("EHLO", "421 later", "answers 421: it is not available"),
    ],
)
def test_a_mail_server_that_refuses_is_told_in_a_line_of_ours(
    box: Mailbox, command: str, reply: str, says: str
) -> None:
    """The reply's text is not repeated, as it may have anything in it."""
    box.replies = {command: reply, **({"HELO": reply} if command == "EHLO" else {})}
    said = send_mail(mail(box, user="phones"), SECRET, MESSAGE)
    assert said == f"mail server 127.0.0.1 {says}"
    assert box.letters == []


def test_a_mail_server_without_starttls_or_that_is_away_gets_no_password(box: Mailbox) -> None:
    """The password is not sent, and the error is one line."""
    said = send_mail(mail(box, security="starttls", user="phones"), SECRET, MESSAGE)
    assert said.startswith("mail server 127.0.0.1 has no STARTTLS")
    assert box.logins == []
    assert "can't be reached: ConnectionRefusedError" in send_mail(mail(box, port=1), SECRET, MESSAGE)


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it gets, and answers as its path says."""

    got: list[tuple[str, bytes]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        """Keep the request."""
        self.got.append((self.headers["Idempotency-Key"], self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


@pytest.fixture
def hook() -> Iterator[str]:
    """The webhook's address."""
    Hook.got.clear()
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{SECRET}"
        server.shutdown()


def test_a_webhook_gets_json_whatever_the_message_holds(hook: str) -> None:
    """With Slack's template and with others."""
    assert send_to_webhook(Webhook(), f"{hook}/200", MESSAGE) == ""
    other = Webhook(template='{"id": "{id}", "more": ["{rule}: {title}", 1], "run": "{command}"}')
    assert send_to_webhook(other, f"{hook}/204", MESSAGE) == ""
    assert [key for key, _ in Hook.got] == ["alarm-12-1"] * 2
    assert [json.loads(body) for _, body in Hook.got] == [
        {"text": MESSAGE.text},
        {"id": "alarm-12-1", "more": [f"lost: {TITLE}", 1], "run": "run"},
    ]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_a_webhook_that_refuses_is_told_without_its_address(hook: str, status: int) -> None:
    """The address is a secret; a redirect is not followed."""
    said = send_to_webhook(Webhook(), f"{hook}/{status}", MESSAGE)
    assert said == f"the webhook of DIALTONE_WEBHOOK_URL answers {status}"
    assert len(Hook.got) == 1


def test_a_webhook_that_is_away_is_told_without_its_address() -> None:
    """The address is left out, though the library's error has it."""
    said = send_to_webhook(Webhook(), f"http://127.0.0.1:1/{SECRET}", MESSAGE)
    assert said == "the webhook of DIALTONE_WEBHOOK_URL can't be reached: ConnectionError"


def test_every_missing_secret_is_named_and_none_that_is_not_needed(box: Mailbox) -> None:
    """They are reported before any check is made or message sent."""
    rules = Rules(
        rules={"r": Rule(watches="emergency", tell=("chat", "mail"))},
        mail={"mail": mail(box, user="phones"), "other": mail(box, user="x", password_from="OTHER")},
        webhooks={"chat": Webhook(url_from="CHAT_URL")},
    )
    with pytest.raises(InputError) as caught:
        open_channels(rules, {})
    assert caught.value.lines() == [
        f"{name}: is not set, and the channel {channel} of watch.yaml needs it; set it in the environment or in .env"
        for name, channel in (("DIALTONE_MAIL_PASSWORD", "mail"), ("CHAT_URL", "chat"))
    ]
    for url in ("ftp://example.org/x", "http://example.org/x", "chatter", "https:///x", "https://[x"):
        with pytest.raises(InputError, match="CHAT_URL: is not an https") as caught:
            open_channels(rules, {"DIALTONE_MAIL_PASSWORD": "x", "CHAT_URL": url})
        assert url not in str(caught.value)
