"""A small SMTP server that accepts mail, or rejects it as a test wants."""

from __future__ import annotations

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Letter


@dataclass
class Mailbox:
    """The server's address, the mail that arrived, and the reply to give."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    # By the first word of a command, the reply in place of the usual one.
    replies: dict[str, str] = field(default_factory=dict)


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A server on a free port of this machine."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.example.org ready")
            while line := self.rfile.readline():
                word = line.decode().split()[0].upper()
                if word in box.replies:
                    self.say(box.replies[word])
                elif word == "EHLO":
                    self.wfile.write(b"250-mail.example.org\r\n250 AUTH PLAIN\r\n")
                elif word == "AUTH":
                    box.logins.append(base64.b64decode(line.split()[2]))
                    self.say("235 welcome")
                elif word == "DATA":
                    self.say("354 go on")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    box.letters.append(message_from_bytes(content))
                    self.say("250 taken")
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 fine")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield box
        server.shutdown()
