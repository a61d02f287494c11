"""What happens if a person presses these keys: what the phone sends, what the service decides, what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dialtone_nb.dialplan.table import Table
from dialtone_nb.parameters import Parameters
from dialtone_nb.phones.costs import CostClass, cost_class_of
from dialtone_nb.phones.keypad import Dialled, press_keys
from dialtone_nb.phones.settings import GRAMMAR_OF, device_settings
from dialtone_nb.phones.simulate import Simulation, simulate
from dialtone_nb.values.sip import without_separators


@dataclass(frozen=True, slots=True)
class KeypadResult:
    """What comes of some keys: `pressed` is None for a phone with a call key, `simulation` where nothing is sent."""

    keys: str
    pressed: Dialled | None
    simulation: Simulation | None
    cost: CostClass | None

    @property
    def at_the_phone(self) -> str:
        """What the phone does, in words: what it sends, after which key, and how long it waits."""
        if self.pressed is None:
            return f"sends {self.keys} when its call key is pressed"
        keys = f"key {self.pressed.after_keys}"
        if not self.pressed.sent:
            if math.isinf(self.pressed.wait_s):
                return f"sends nothing: it waits for more after {keys}"
            return f"sends nothing: it gives up {_later(self.pressed.wait_s)} {keys}"
        return f"sends {self.pressed.sent} {_later(self.pressed.wait_s)} {keys}"


def ask_dial_plan(parameters: Parameters, table: Table, client: str, keys: str) -> KeypadResult:
    """What happens if somebody presses these keys on a declared phone; the table answers, the files name the device."""
    settings = device_settings(parameters, client)
    grammar = GRAMMAR_OF.get(settings.device)
    # Who reads a number to a keypad presses no dashes.
    pressed = press_keys(grammar, settings.dial_string, without_separators(keys)) if grammar else None
    sent = keys if pressed is None else pressed.sent
    if not sent:
        return KeypadResult(keys, pressed, None, None)
    simulation = simulate(table, settings.environment, client, sent)
    return KeypadResult(keys, pressed, simulation, cost_class_of(simulation.decision))


def _later(seconds: float) -> str:
    return f"{seconds:g} s after" if seconds else "at"
