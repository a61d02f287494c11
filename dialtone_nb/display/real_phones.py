"""How a real phone at the rehearsal looks: what to enter there, what it has done, what comes next; as text and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dialtone_nb.devices.model import DeviceSettings
from dialtone_nb.display.tables import body, name_html, row, table
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
    """The same for a terminal."""
    lines = [_heading(phone), *(f"  {label}: {value}" for label, value in entries_of(phone))]
    if phone.life:
        return "\n".join([*lines, *_goal_lines(phone.life), *_step_lines(phone.life.steps)])
    return "\n".join([*lines, _about(phone.kept), *_step_lines(phone.kept.life.steps)])


def real_phone_html(phone: RealPhone) -> str:
    """What to enter, and then what the phone has done; where none can have done anything, what another one did."""
    parts = [f"<p>{_marked(_heading(phone))}</p>", settings_html(phone)]
    if phone.life:
        parts.append(life_html(phone.life))
    else:
        parts.append(kept_html(phone.kept))
    return f'<div class="dialtone dialtone-phone">{"".join(parts)}</div>'


def settings_html(phone: RealPhone) -> str:
    """What to enter at the phone, as a table."""
    rows = [row((escape(label), f"<code>{name_html(value)}</code>")) for label, value in entries_of(phone)]
    return table(("at the phone", "enter"), [body(rows)])


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


def kept_html(kept: KeptHistory) -> str:
    """What another phone did."""
    return f"<p>{_marked(_about(kept))}</p>{_steps_html(kept.life.steps)}"


def life_html(life: PhoneHistory) -> str:
    """How far the phone has come, what comes next, and what it did, newest first."""
    goals = []
    for goal in life.goals:
        is_next = goal == life.next_goal
        sign, role = ("✓", "done") if goal.after_s is not None else ("→", "update") if is_next else ("·", "")
        trouble = f"<b>It was refused: {escape(life.trouble)}.</b> " if is_next and life.trouble else ""
        how = _clock(goal.after_s) if goal.after_s is not None else trouble + escape(goal.repair) if is_next else ""
        goals.append(row((f'<span class="sign">{sign}</span>{escape(goal.words)}', how), role))
    where = escape(life.registered) if life.registered else "nowhere"
    newest = list(reversed(life.steps))[:NEWEST]
    steps = _steps_html(newest) if newest else "<p>It has done nothing yet.</p>"
    return f"<p>Registered: {where}.</p>{table(('so far', 'when, or what to look at'), [body(goals)])}{steps}"


def _steps_html(steps: Sequence[PhoneStep]) -> str:
    rows = [row((_clock(one.after_s), escape(one.step), name_html(one.detail))) for one in steps]
    return f'<div class="dialtone-life">{table(("after", "it", "how"), [body(rows)])}</div>'


def _heading(phone: RealPhone) -> str:
    client = phone.settings.client
    if phone.page:
        return f"Your phone as {client}, this computer: the door is open, and `{phone.page}` shows every phone."
    return (
        f"Your phone as {client}, this computer. No door is open: in JupyterLab this cell has a button for it, "
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


def _marked(text: str) -> str:
    """Text in which what stands between backticks is to be typed or opened."""
    parts = text.split("`")
    return "".join(f"<code>{escape(part)}</code>" if place % 2 else escape(part) for place, part in enumerate(parts))
