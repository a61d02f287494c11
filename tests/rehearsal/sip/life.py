"""Record a SIP phone's history: baresip in the sample network, from a wrong password to unregistering.

`make life` saves it in the package, for the walkthrough.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dialtone_nb.cli.fresh_account import fresh_account
from dialtone_nb.cli.keep_notebooks import with_phones
from dialtone_nb.phones.phone_history import KEPT, write_kept_history
from dialtone_nb.rehearsal import Rehearsal, start_rehearsal
from dialtone_nb.rehearsal.sip.endpoint import SipEndpoint
from tests.rehearsal.doors import Door
from tests.rehearsal.sip.baresip import Baresip
from tests.rehearsal.sip.network import until
from tests.rehearsal.sip.sound import has_heard

ROOT = Path(__file__).parents[3]
STAGE = "dialtone-example-stage.sip.twilio.com"
MADE_BY = "make life"
VERSION = r"v([0-9]+[.0-9]*)"
CALLER, NUMBER = "+12065550142", "+15035550101"


class Site:
    """The network, its SIP server, and the test phone's password from its private file."""

    def __init__(self, rehearsal: Rehearsal, door: SipEndpoint, folder: Path) -> None:
        self.http, self.door = Door(rehearsal), door
        written = (folder / "private/stage/workbench/phone.txt").read_text(encoding="utf-8")
        self.password = re.findall(r"^ *Password +(\S+)$", written, re.MULTILINE)[0]

    def children(self) -> list[tuple[str, str]]:
        """The child calls of the last call, with their ends."""
        calls = self.http.classic("GET", "/Calls.json").json()["calls"]
        own = next(one["sid"] for one in calls if one["parent_call_sid"] is None)
        return [(one["to"], one["status"]) for one in calls if one["parent_call_sid"] == own]

    def steps(self, client: str = "workbench") -> list[str]:
        """The phone's steps so far."""
        return [entry.step for entry in self.door.journal.entries(client, STAGE)]

    def life(self, client: str = "workbench") -> Mapping[str, Any]:
        """The phone's history, as the rehearsal reports it."""
        lives = self.http.control("GET", "/lives")["lives"]
        return next(one for one in lives if one["client"] == client)


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """Stage of the sample, deployed, with its phones set up and a SIP server."""
    shutil.copytree(ROOT / "parameters" / "sample", folder / "parameters", dirs_exist_ok=True)
    with fresh_account(folder / "account") as state:
        with_phones(folder)
        with start_rehearsal(state) as rehearsal:
            opened = Site(rehearsal, rehearsal.open_sip_door(), state.parent)
            yield opened
            opened.http.session.close()


def live(site: Site, folder: Path) -> Mapping[str, Any]:
    """Run the phone: wrong password, right password, calls out, two failed calls, and a call in."""
    door = site.door.host, site.door.port
    with Baresip(folder / "wrong", "workbench", door, domain=STAGE, password="Wrongpassword1"):
        until(lambda: "refused" in site.steps())
    with Baresip(folder / "right", "workbench", door, domain=STAGE, password=site.password) as phone:
        phone.wait_to_register()
        phone.dial("5035550190")
        phone.wait_for("CALL_ESTABLISHED")
        until(lambda: has_heard(phone.folder, 1004) and "spoke" in site.steps())
        phone.do("hangup")
        phone.wait_for("CALL_CLOSED")
        until(lambda: site.steps().count("ended") == 1)
        for ended, refused in enumerate(("5035550192", "9005550142"), start=2):
            phone.dial(refused)
            phone.wait_for("CALL_ESTABLISHED")
            phone.wait_for("CALL_CLOSED")
            until(partial(has_ended, site, ended))
        order = {"from_": CALLER, "to": NUMBER, "talk": 2.0}
        calling = threading.Thread(target=lambda: site.http.call(**order))
        calling.start()
        phone.wait_for("CALL_INCOMING")
        phone.do("accept")
        phone.wait_for("CALL_CLOSED")
        calling.join(20)
    until(lambda: site.steps()[-1] == "unregistered")
    return site.life()


def has_ended(site: Site, calls: int) -> bool:
    """Whether this many calls have ended."""
    return site.steps().count("ended") == calls


def version() -> str:
    """The name and release of the phone."""
    said = subprocess.run(["baresip", "-h"], capture_output=True, text=True, check=False)
    return f"baresip {re.findall(VERSION, said.stdout + said.stderr)[0]}"


def main() -> int:
    """Record the history and return 0."""
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder) / "project") as site:
        KEPT.write_text(write_kept_history(live(site, Path(folder)), version(), MADE_BY), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
