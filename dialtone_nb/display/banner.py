"""The banner at the top of every runbook: what it works on, and whether that is a rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialtone_nb.display.rendering import render

_BAND = {"rehearsal": "#8a5cf6", "protected": "#d13f3f", "twilio": "#2f7ed8", "files": "#6e7781"}
CONSOLE = "https://console.twilio.com"
_ACCOUNT = {
    "rehearsal": "a stand-in on this machine; nothing costs money, and it has its own clock",
    "files": "no account is used: the data comes from files",
}


@dataclass(frozen=True, slots=True)
class Banner:
    """What an opened runbook says of itself; never a secret, a port or a time of day."""

    title: str
    account: str
    environment: str
    protected: bool
    changed: Mapping[str, object]
    on_sample: bool = False
    # What Twilio says of the account: its name and balance.
    holder: str = ""

    @property
    def warning(self) -> str:
        """The line that can't be overlooked."""
        if self.account == "rehearsal":
            return "REHEARSAL — not Twilio"
        if self.account == "files":
            return "From files"
        return "Twilio — PROTECTED environment" if self.protected else "Twilio"

    @property
    def facts(self) -> dict[str, str]:
        """The lines below it, by label."""
        facts = {"account": _ACCOUNT.get(self.account) or self.holder or "Twilio"}
        if self.on_sample and self.account == "rehearsal":
            facts["network"] = "the sample in parameters/sample"
        if self.environment:
            facts["environment"] = f"{self.environment}, {'protected' if self.protected else 'not protected'}"
        if self.changed:
            facts["parameters"] = ", ".join(f"{name} = {value!r}" for name, value in self.changed.items())
        return facts

    def text(self) -> str:
        """The banner for a terminal."""
        width = max(map(len, self.facts))
        return "\n".join([f"{self.warning}: {self.title}", *(f"  {k:<{width}}  {v}" for k, v in self.facts.items())])

    def html(self) -> str:
        """The banner for a page, light or dark."""
        band = _BAND["protected" if self.account == "twilio" and self.protected else self.account]
        return render("banner", banner=self, band=band, console=CONSOLE if self.account == "twilio" else "")
