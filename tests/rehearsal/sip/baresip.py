"""The softphone baresip, as a separate process, controlled over TCP."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import random
import socket
import struct
import subprocess
import threading
import time
import wave
from pathlib import Path
from typing import Any, Self

from tests.rehearsal.sip.names import DOMAIN, PASSWORD

MODULES = Path("/usr/lib/baresip/modules")
PATIENCE_S = 20.0
CONFIG = """
module_path {modules}
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_source aufile,{folder}/says.wav
audio_player aubridge,ear
audio_alert aubridge,bell
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {folder}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
ACCOUNT = (
    "<sip:{user}@{host};transport={transport}>;auth_user={auth};auth_pass={password};{outbound}"
    "regint={regint};answermode={answers};audio_codecs={codecs}\n"
)


class Baresip:
    """One phone; `events` are its reports, and its recordings are in `folder`."""

    def __init__(
        self,
        folder: Path,
        user: str,
        door: tuple[str, int],
        *,
        domain: str = DOMAIN,
        password: str = PASSWORD,
        auth: str = "",
        transport: str = "udp",
        answers: str = "manual",
        codecs: str = "PCMU/8000/1,PCMA/8000/1",
        says_hz: float = 440.0,
        regint: int = 600,
        by_outbound: bool = True,
        port: int = 0,
        authority: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.user = folder, user
        free, control = free_ports()
        self.port = port or free
        write_tone(folder / "says.wav", says_hz)
        (folder / "config").write_text(
            CONFIG.format(
                modules=MODULES,
                port=self.port,
                control=control,
                folder=folder,
            )
            + (f"sip_cafile {authority}\n" if authority else "")
        )
        outbound = f'outbound="sip:{door[0]}:{door[1]};transport={transport}";' if by_outbound else ""
        (folder / "accounts").write_text(
            ACCOUNT.format(
                user=user,
                host=domain if by_outbound else f"{door[0]}:{door[1]}",
                transport=transport,
                auth=auth or user,
                password=password,
                outbound=outbound,
                regint=regint,
                answers=answers,
                codecs=codecs,
            )
        )
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            ["baresip", "-v", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        self._control = _connect(control)
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._control.makefile("rb") as stream:
            while length := _netstring_length(stream):
                message = json.loads(stream.read(length))
                stream.read(1)
                if message.get("event"):
                    self.events.put(message)

    def wait_for(self, kind: str, patience: float = PATIENCE_S) -> dict[str, Any]:
        """The next event of a type, such as CALL_INCOMING; raises AssertionError with the log if none comes."""
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                event = self.events.get(timeout=left)
                self.seen.append(event)
                if event["type"] == kind:
                    return event
        raise AssertionError(f"{self.user} saw no {kind} but {[one['type'] for one in self.seen]}\n{self.log[-3000:]}")

    def wait_to_register(self, words: str = "200 OK", patience: float = PATIENCE_S) -> None:
        """Wait until it prints the result of its registration, which may precede the control connection."""
        until = time.monotonic() + patience
        while words not in self.log:
            assert time.monotonic() < until, self.log[-3000:]
            time.sleep(0.02)

    @property
    def log(self) -> str:
        """Its output."""
        return (self.folder / "log").read_text(errors="replace")

    def do(self, command: str, params: str = "") -> None:
        """Send a command."""
        text = json.dumps({"command": command, "params": params, "token": "t"})
        self._control.sendall(f"{len(text)}:{text},".encode())

    def dial(self, digits: str) -> None:
        """Dial."""
        self.do("dial", digits)

    def close(self) -> None:
        """Stop it; it unregisters first."""
        with contextlib.suppress(OSError):
            self.do("quit")
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def free_ports() -> tuple[int, int]:
    """A port for SIP with the next one free too (for baresip's TLS), and one for control.

    They are below the ephemeral range, so that no other program gets them before the phone starts.
    """
    for _ in range(50):
        with contextlib.ExitStack() as opened:
            sip = random.randrange(20_000, 32_000, 3)
            try:
                for port in range(sip, sip + 3):
                    _bind(opened, port)
            except OSError:
                continue
            return sip, sip + 2
    raise AssertionError("no three free ports side by side")


def _bind(opened: contextlib.ExitStack, port: int) -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        opened.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))


def _connect(port: int) -> socket.socket:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _netstring_length(stream: Any) -> int:
    digits = b""
    while (byte := stream.read(1)) not in {b":", b""}:
        digits += byte
    return int(digits or 0)


def write_tone(path: Path, hz: float, seconds: float = 10.0) -> None:
    """Write a file with a tone, as the phone's microphone input."""
    samples = (round(8000 * math.sin(2 * math.pi * hz * n / 8000)) for n in range(round(8000 * seconds)))
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"".join(struct.pack("<h", one) for one in samples))
