"""The channels of a watch: mail by SMTP and webhooks. Their secrets come from the environment, and appear nowhere."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import requests

from dialtone_nb.alarms.book import Message, Send
from dialtone_nb.alarms.rules import EXIT_CODE, Mail, Rules, Webhook, fill_in
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.values.loopback import LOOPBACK

TIMEOUT_S: Final = 20
_HTTP: Final = ("http://", "https://")
# What a mail server's reply means; its own words may hold anything, and are not repeated.
_REPLIES: Final = {
    421: "it is not available",
    450: "a mailbox is not available",
    451: "it had a fault of its own",
    454: "it can't authenticate now",
    530: "it wants a user name and a password",
    534: "it wants another way of authenticating",
    535: "user name or password is wrong",
    550: "it refuses an address",
    553: "it refuses an address",
    554: "it refuses the message",
}


def open_channels(rules: Rules, variables: Mapping[str, str]) -> dict[str, Send]:
    """The senders, one for each channel; an `InputError` that names every missing secret."""
    used = {channel for rule in rules.rules.values() for channel in rule.tell} - {EXIT_CODE}
    faults: list[Fault] = []
    channels: dict[str, Send] = {}

    def secret(name: str, channel: str) -> str:
        value = variables.get(name, "").strip()
        if not value and channel in used:
            problem = f"is not set, and the channel {channel} of watch.yaml needs it"
            faults.append(Fault(name, problem, "set it in the environment or in .env"))
        return value

    for name, mail in rules.mail.items():
        password = secret(mail.password_from, name) if mail.user else ""
        channels[name] = partial(send_mail, mail, password)
    for name, webhook in rules.webhooks.items():
        url = secret(webhook.url_from, name)
        if url and not _is_url(url):
            faults.append(Fault(webhook.url_from, "is not an https:// address", "copy it whole from where it was made"))
        channels[name] = partial(send_to_webhook, webhook, url)
    if faults:
        raise InputError(faults)
    return channels


def _is_url(url: str) -> bool:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host) and (url.startswith("https://") or (url.startswith(_HTTP) and host in LOOPBACK))


def send_mail(mail: Mail, password: str, message: Message) -> str:
    """Hand the message to the mail server; what went wrong, or "". A repeat has the same Message-ID."""
    letter = EmailMessage()
    letter["Subject"] = f"[dialtone] {' '.join(message.title.split())}"
    letter["From"], letter["To"] = mail.sender, ", ".join(mail.to)
    letter["Message-ID"] = f"<{message.id}@{mail.sender.partition('@')[2]}>"
    letter["Date"] = message.made_at
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text)
    where = f"mail server {mail.host}"
    try:
        context = ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=context)
            if mail.security == "tls"
            else smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)
        )
        with server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, password)
            refused = server.send_message(letter)
    except smtplib.SMTPRecipientsRefused as error:
        return f"{where} refuses {' and '.join(sorted(error.recipients))}"
    except smtplib.SMTPResponseException as error:
        meaning = _REPLIES.get(error.smtp_code, "it refuses")
        return f"{where} answers {error.smtp_code}: {meaning}"
    except smtplib.SMTPNotSupportedError:
        return f"{where} has no STARTTLS, or takes no password; look at security and user in watch.yaml"
    except ssl.SSLError:
        return f"{where} at port {mail.port}: TLS failed; tls is for port 465, starttls for 587"
    except (OSError, smtplib.SMTPException) as error:
        return f"{where} at port {mail.port} can't be reached: {type(error).__name__}"
    # Some recipients were refused and others not: the message has arrived, and is not sent again.
    return "" if len(refused) < len(mail.to) else f"{where} refuses every address"


def send_to_webhook(webhook: Webhook, url: str, message: Message) -> str:
    """POST the message as JSON; what went wrong, or "". URL and answer may be secret, and are not repeated."""
    if not url:
        return f"{webhook.url_from} is not set"
    values = {name: getattr(message, name) for name in ("id", "rule", "stage", "title", "text", "command")}
    body = fill_in(webhook.template, values, as_json=True).encode()
    try:
        answer = requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json", "Idempotency-Key": message.id},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return f"the webhook of {webhook.url_from} can't be reached: {type(error).__name__}"
    return (
        ""
        if answer.ok and not answer.is_redirect
        else f"the webhook of {webhook.url_from} answers {answer.status_code}"
    )
