"""The call explorer, without a browser: a list of calls, and the story of the selected one."""

from __future__ import annotations

from datetime import UTC, datetime

from dialtone_nb.calls.attempts.schema import make_frame
from dialtone_nb.calls.call_story import CallLeg, CallStep, Story
from dialtone_nb.display.telephony.call_story import Exploration, exploration_html, exploration_text
from dialtone_nb.display.widgets.call_explorer import CallExplorer
from dialtone_nb.errors import DialtoneError

AT = datetime(2026, 3, 2, 9, 1, 53, tzinfo=UTC)
DOMAIN = "dialtone-example-stage.sip.twilio.com"


def story(sid: str) -> Story:
    """A short story."""
    leg = CallLeg(sid, False, f"sip:van@{DOMAIN}", f"sip:911@{DOMAIN}", "completed", AT, AT, 3, "0.0040 USD")
    return Story(sid, (leg,), (CallStep(AT, "service", f"<asked> for {sid}", "<Response><Hangup/></Response>"),))


def exploration(*sids: str) -> Exploration:
    """These calls, with the story of the first."""
    attempts = make_frame(
        {
            "call_sid": sids,
            "started_at": [AT] * len(sids),
            "client": ["van"] * len(sids),
            "direction": ["outgoing"] * len(sids),
            "other_party": ["911"] * len(sids),
            "outcome": ["no_answer"] * len(sids),
        }
    )
    return Exploration("stage", 60, attempts, story(sids[0]) if sids else None)


def test_text_and_html_tell_the_same() -> None:
    """Both have the calls, the phone, the dialled number, the steps, and the TwiML, escaped."""
    text, page = exploration_text(exploration("CA1", "CA2")), exploration_html(exploration("CA1", "CA2"))
    for fact in ("stage: 2 calls in the last 60 minutes", "van calls 911", "no answer", "09:01:53"):
        assert fact in text
        assert fact in page
    assert "&lt;asked&gt; for CA1" in page
    assert "&lt;Hangup /&gt;" in page


def test_choosing_a_call_tells_it() -> None:
    """At first the newest is shown."""
    explorer = CallExplorer(exploration("CA1", "CA2"), story)
    explorer.widget()
    assert explorer._list.value == "CA1"
    assert "CA1" in explorer._shown.value
    explorer._list.value = "CA2"
    assert "&lt;asked&gt; for CA2" in explorer._shown.value


def test_a_call_that_cannot_be_told_says_why() -> None:
    """The widget shows the error, as no cell is running."""

    def fail(_: str) -> Story:
        raise DialtoneError("no answer from api.twilio.com")

    explorer = CallExplorer(exploration("CA1", "CA2"), fail)
    explorer.widget()
    explorer._list.value = "CA2"
    assert "no answer from api.twilio.com" in explorer._shown.value


def test_where_nobody_called_there_is_nothing_to_choose() -> None:
    """One line says that there are no calls."""
    assert len(CallExplorer(exploration(), story).widget().children) == 1
    assert exploration_text(exploration()) == "stage: 0 calls in the last 60 minutes"
