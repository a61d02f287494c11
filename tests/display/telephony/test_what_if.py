"""The answers to "what happens if", as text, HTML and a widget."""

from __future__ import annotations

import html
import re
from pathlib import Path

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.display.telephony.what_if import WhatIf, what_if_html, what_if_text
from dialtone_nb.display.widgets.what_if_box import WhatIfBox
from dialtone_nb.errors import DialtoneError
from dialtone_nb.parameters import load_parameters
from dialtone_nb.phones.what_if import KeypadResult, ask_dial_plan

SAMPLE = load_parameters(Path(__file__).parents[3] / "parameters" / "sample")
TABLE = compile_table(SAMPLE)


def ask(client: str, keys: str) -> KeypadResult:
    """The answer of the sample network."""
    return ask_dial_plan(SAMPLE, TABLE, client, keys)


def shown(*keys: str) -> WhatIf:
    """The answer for the makerspace's phone."""
    return WhatIf("makerspace", "the files", tuple(ask("makerspace", one) for one in keys))


def words_of(page: str) -> str:
    """The visible text of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())


def test_text_and_html_tell_the_same() -> None:
    """Both have the decision, the rule, the cost, what the phone sends and what the caller hears."""
    what_if = shown("5035550199", "9005550142", "55")
    text, page = what_if_text(what_if), words_of(what_if_html(what_if))
    for fact in (
        "call to +15035550199, as +15035550106, 60 min at most",
        "sends 5035550199 at key 10",
        "refused: premium-rate",
        "the caller hears: Premium rate numbers cannot be called from this phone.",
        "domestic",
        "sends nothing: it gives up 10 s after key 2",
        "no call",
        "the files",
    ):
        assert fact in text
        assert fact in page


def test_a_number_is_asked_as_it_is_written() -> None:
    """A keypad has no dashes; a softphone sends them, and the service removes them."""
    assert "sends 5035550199 at key 10" in what_if_text(shown("503 555-0199"))
    answer = ask("workbench", "(503) 555-0199")
    assert answer.at_the_phone == "sends (503) 555-0199 when its call key is pressed"
    assert "call to +15035550199" in what_if_text(WhatIf("workbench", "the files", (answer,)))


def test_the_twiml_is_folded_under_each_call_and_escaped() -> None:
    """It is shown as text, not as part of the page."""
    page = what_if_html(shown("5035550199"))
    assert "<summary>TwiML</summary>" in page
    assert "&lt;Number&gt;+15035550199&lt;/Number&gt;" in page


def opened() -> WhatIfBox:
    """A widget on the screen."""
    box = WhatIfBox(shown("911"), list(SAMPLE.clients), ask)
    box.widget()
    return box


def test_other_keys_and_other_phones_are_answered_at_once() -> None:
    """Spaces within a number are ignored."""
    box = opened()
    box._keys.value = "503 555 0199"
    assert "call to +15035550199, as +15035550106" in words_of(box._shown.value)
    box._keys.value = "(503) 555-0199"
    assert "call to +15035550199, as +15035550106" in words_of(box._shown.value)
    box._phone.value = "lobby"
    assert "as +15035550103" in words_of(box._shown.value)
    box._keys.value = ""
    assert box._shown.value == ""


def test_what_is_on_no_keypad_is_named() -> None:
    """The message for a letter lists the possible keys, and no request is sent."""
    box = opened()
    box._keys.value = "911<"
    assert "No phone has a key &lt;" in box._shown.value


def test_an_account_that_does_not_answer_is_said_in_the_box() -> None:
    """The widget shows the error, as no cell is running."""

    def fail(*_: str) -> KeypadResult:
        raise DialtoneError("no answer from Twilio")

    box = WhatIfBox(shown("911"), list(SAMPLE.clients), fail)
    box.widget()
    box._keys.value = "911"
    assert "no answer from Twilio" in box._shown.value
