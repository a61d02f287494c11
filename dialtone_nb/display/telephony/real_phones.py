"""Render a real phone at the rehearsal, as text and HTML: what to enter, what it has done, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dialtone_nb.devices.model import DeviceSettings
from dialtone_nb.display.rendering import render
from dialtone_nb.phones.phone_history import KeptHistory, PhoneHistory, PhoneStep

NEWEST = 20  # steps of a phone that is looked at
COMMAND = "python -m dialtone_nb rehearsal --sip 127.0.0.1:5060"
Entries = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RealPhone:
    """A phone, this computer, and what is between them: `page` is empty where no door is open, and `life` None."""

    settings: DeviceSettings
    page: str
    life: PhoneHistory | None
    kept: KeptHistory
    private: str  # where its password is


def real_phone_text(phone: RealPhone) -> str:
    """Show the phone in a terminal."""
    lines = [_heading(phone), *(f"  {label}: {value}" for label, value in entries_of(phone))]
    if phone.life:
        return "\n".join([*lines, *_goal_lines(phone.life), *_step_lines(phone.life.steps)])
    return "\n".join([*lines, _about(phone.kept), *_step_lines(phone.kept.life.steps)])


def real_phone_html(phone: RealPhone) -> str:
    """What to enter, and what the phone has done; before a phone can have done anything, what another one did."""
    return _html(phone, intro=_heading(phone), life=phone.life, kept=None if phone.life else phone.kept, is_phone=True)


def closed_html(phone: RealPhone, note: str, life: PhoneHistory | None = None) -> str:
    """Show what to enter under a note, for a box whose door is closed, and what the phone did, or another one."""
    if life and life.steps:
        return _html(phone, intro=note, life=replace(life, registered=""))
    return _html(phone, intro=note, kept=phone.kept)


def open_html(phone: RealPhone) -> str:
    """Show what to enter, for a box whose door is open."""
    return _html(phone, door=phone.page)


def life_html(life: PhoneHistory | None) -> str:
    """How far the phone has got, what comes next, and what it did, newest first."""
    gone = "" if life else "The SIP server does not run, or the phone is not set up any more."
    return _html(None, intro=gone, life=life, is_phone=True)


def _html(
    phone: RealPhone | None,
    *,
    intro: str = "",
    door: str = "",
    life: PhoneHistory | None = None,
    kept: KeptHistory | None = None,
    is_phone: bool = False,
) -> str:
    return render(
        "real_phone",
        entries=entries_of(phone) if phone else (),
        intro=intro,
        door=door,
        life=life,
        newest=list(reversed(life.steps))[:NEWEST] if life else (),
        kept=kept,
        about=_about(kept) if kept else "",
        is_phone=is_phone,
        clock=_clock,
    )


def entries_of(phone: RealPhone) -> Entries:
    """What to enter at the phone, under the names that most phones have for it."""
    settings = phone.settings
    return (
        ("SIP domain", settings.host),
        ("Outbound proxy", f"{settings.outbound_proxy}:{settings.outbound_port}"),
        ("Transport", settings.transport),
        ("User name and auth ID", settings.user),
        ("Password", f"in {phone.private}"),
    )


def _heading(phone: RealPhone) -> str:
    client = phone.settings.client
    if phone.page:
        return f"Your phone as {client}, this computer: its SIP server runs, and `{phone.page}` shows every phone."
    return (
        f"Your phone as {client}, this computer. No SIP server runs: in JupyterLab this cell has a button for it, "
        f"and in a terminal there is `{COMMAND}`."
    )


def _about(kept: KeptHistory) -> str:
    return (
        f"What a real phone did here: {kept.phone}, first with a wrong password. Recorded with `{kept.made_by}`; "
        "times count from its first step."
    )


def _goal_lines(life: PhoneHistory) -> list[str]:
    lines = [f"  ✓ {goal.words}, {_clock(goal.after_s)}" for goal in life.goals if goal.after_s is not None]
    return [*lines, f"  → {life.next_goal.words}: {life.next_goal.repair}"] if life.next_goal else lines


def _step_lines(steps: Sequence[PhoneStep]) -> list[str]:
    return [f"  {_clock(one.after_s):>8}  {one.step}: {one.detail}" for one in steps]


def _clock(after_s: float) -> str:
    return f"{after_s:.1f} s"
