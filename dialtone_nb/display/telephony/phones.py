"""Render all phones on one page, as text and as HTML: state, last call, sheet, drill, and each one's commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialtone_nb.calls.now import PhoneSeen, PhoneState
from dialtone_nb.display.existing import CONSOLE
from dialtone_nb.display.rendering import render
from dialtone_nb.infrastructure.resources.phone_numbers import PHONE_NUMBER

# The class that colours a state and its sign, those that need somebody first.
_MISSING, _SILENT, _UNKNOWN, _THERE = ("failed", "✗"), ("unknown", "!"), ("none", "?"), ("done", "✓")
_ORDER = (_MISSING, _SILENT, _UNKNOWN, _THERE)
COMMAND = "python -m dialtone_nb run"
# Where the account's numbers are listed; a rehearsal's are in no Console.
NUMBERS_IN_CONSOLE = f"{CONSOLE}/{PHONE_NUMBER.in_console}"


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """One phone: what its calls tell, what is declared of it, its sheet's address and its last emergency drill."""

    seen: PhoneSeen
    environment: str
    number: str
    device: str
    is_silent: bool
    last_call: str
    calls_emergency: bool
    has_test_line: bool
    last_drill: str
    sheet: str = ""

    @property
    def name(self) -> str:
        """The phone's name, which is its extension."""
        return self.seen.name

    @property
    def mark(self) -> tuple[str, str]:
        """The class that colours its state, and its sign."""
        if self.seen.state is PhoneState.MISSING:
            return _MISSING
        if self.is_silent:
            return _SILENT
        return _UNKNOWN if self.seen.state is PhoneState.UNKNOWN else _THERE

    @property
    def state(self) -> str:
        """Its state in words."""
        return "silent for longer than ever before" if self.is_silent else str(self.seen.state)

    @property
    def drill(self) -> str:
        """When the phone last called the emergency test line."""
        if not self.calls_emergency:
            return "makes no emergency calls"
        if not self.has_test_line:
            return "no test line in its country"
        return self.last_drill or "none in 30 days: dial 933"

    @property
    def actions(self) -> list[tuple[str, str]]:
        """What is done for this phone, and the command for it."""
        about = f"-p environment {self.environment} -r client {self.name}"
        return [
            ("set up, or mend", f"{COMMAND} client_setup {about}"),
            ("new password", f"{COMMAND} client_setup {about} -r action rotate"),
            ("suspend", f"{COMMAND} client_setup {about} -r action suspend"),
            ("take out", f"{COMMAND} delete {about} -r what client"),
            ("hand its configuration over", f"python -m dialtone_nb hand-over {self.name}"),
        ]


@dataclass(frozen=True, slots=True)
class PhoneOverview:
    """All phones of an environment, or of all, at a moment that is told by the network's clocks."""

    environment: str
    at: datetime
    is_rehearsal: bool
    rows: tuple[PhoneRow, ...]

    @property
    def ordered(self) -> list[PhoneRow]:
        """The phones, those that need somebody first."""
        return sorted(self.rows, key=lambda row: (_ORDER.index(row.mark), row.name))

    @property
    def moment(self) -> str:
        """When the phones were looked at, with the time zone."""
        return f"{self.at:%Y-%m-%d %H:%M} {self.at.tzinfo}{', the clock of the rehearsal' if self.is_rehearsal else ''}"

    @property
    def wanting(self) -> list[str]:
        """The phones that need somebody."""
        return [row.name for row in self.ordered if row.mark in (_MISSING, _SILENT)]

    @property
    def exit_code(self) -> int:
        """0 where no phone is known to be away, else 2."""
        return 2 if self.wanting else 0

    @property
    def summary(self) -> str:
        """One line: how many phones, and which need somebody."""
        count = f"{len(self.rows)} phone{'' if len(self.rows) == 1 else 's'}"
        where = f" of {self.environment}" if self.environment else ""
        wanting = self.wanting
        said = f"look after {', '.join(wanting)}" if wanting else "none is known to be offline"
        return f"{count}{where}: {said}"


def phones_text(phones: PhoneOverview) -> str:
    """The phones for a terminal, a line each."""
    lines = [f"{phones.summary} ({phones.moment})"]
    for row in phones.ordered:
        told = (row.state, row.last_call or "no call in 30 days", f"drill: {row.drill}", row.seen.repair)
        lines.append(f"{row.mark[1]} {row.name} ({row.environment}): {'; '.join(filter(None, told))}")
    return "\n".join(lines)


def phones_html(phones: PhoneOverview) -> str:
    """The phones as a table, with the commands for each folded under it."""
    return render("phones", phones=phones, console=NUMBERS_IN_CONSOLE)
