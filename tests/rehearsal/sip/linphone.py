"""The softphone Linphone (console), as a separate process, controlled by its standard input."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.rehearsal.sip.baresip import PATIENCE_S, free_ports, write_tone
from tests.rehearsal.sip.names import DOMAIN, PASSWORD
from tests.rehearsal.sip.sound import samples_of

CONFIG = """
[sip]
bind_address=127.0.0.1
contact=sip:{user}@127.0.0.1
default_proxy=0
guess_hostname=0
register_only_when_network_is_up=0
sip_port={port}
sip_tcp_port={port}
sip_tls_port=0
use_ipv6=0
{more}
"""
ACCOUNT = """
[proxy_0]
reg_proxy=<sip:{host}:{port};transport={transport}>
reg_route=<sip:{host}:{port};transport={transport}>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
[auth_info_0]
username={user}
userid={user}
passwd={password}
realm=sip.twilio.com
"""
# What Linphone writes where somebody has chosen the United States in the account's settings.
UNITED_STATES = """
[proxy_0]
dial_prefix=1
"""


class Linphone:
    """One phone; it sends a tone, and its recordings are in `folder`.

    Its account is configured here, or by a remote provisioning file.
    """

    def __init__(
        self,
        folder: Path,
        user: str,
        door: tuple[str, int],
        *,
        domain: str = DOMAIN,
        password: str = PASSWORD,
        transport: str = "udp",
        says_hz: float = 440.0,
        provisioning: Path | None = None,
        is_in_the_us: bool = False,
    ) -> None:
        (folder / ".local/share/linphone").mkdir(parents=True)  # it keeps a database there, under its HOME
        self.folder, self.user = folder, user
        host, port = door
        account = ACCOUNT.format(user=user, domain=domain, password=password, host=host, port=port, transport=transport)
        more = f"[misc]\nconfig-uri=file://{provisioning}" if provisioning else account
        more += UNITED_STATES if is_in_the_us else ""
        (folder / "linphonerc").write_text(CONFIG.format(user=user, port=free_ports()[0], more=more))
        write_tone(folder / "says.wav", says_hz)
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            ["linphonec", "-c", str(folder / "linphonerc"), "-d", "0"],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            text=True,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
        self.do("soundcard use files", f"play {folder / 'says.wav'}", f"record {folder / 'heard.wav'}")

    def do(self, *commands: str) -> None:
        """Send a command."""
        assert self._process.stdin
        for command in commands:
            self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def wait_for(self, words: str) -> None:
        """Wait until it prints this; raises AssertionError with its output if it does not."""
        until = time.monotonic() + PATIENCE_S
        while words not in (log := (self.folder / "log").read_text(errors="replace")):
            assert time.monotonic() < until, log[-3000:]
            time.sleep(0.05)

    def heard(self) -> list[int]:
        """The sound that it has received so far."""
        return samples_of(self.folder / "heard.wav")

    def close(self, patience: float = 10.0) -> None:
        """Stop it; it hangs up and unregisters first, so that no sound is sent to its port later."""
        with contextlib.suppress(OSError, ValueError):
            self.do("terminate", "quit")
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it; an unregistered one is killed, as it would take ten seconds to end."""
        self.close(patience=2.0)
