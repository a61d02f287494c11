"""The definitions of all measures of a call report, in words, which the report prints."""

from __future__ import annotations

from typing import Final

from dialtone_nb.calls.measures.before_after import REACH
from dialtone_nb.calls.measures.delays import COLD_AFTER, RUNNING_WITHIN
from dialtone_nb.calls.measures.last_seen import ENOUGH_SIGNS
from dialtone_nb.calls.measures.outliers import CHANCE, TIMES_AS_MANY
from dialtone_nb.calls.measures.rates import FEW, JUDGED_WORDS, STAGE_WORDS

MEASURES: Final = {
    "attempt": "a call that somebody placed, with the leg that it dialled; every attempt has one outcome",
    "judged attempts": JUDGED_WORDS,
    "rate": "its numerator over the judged attempts; a dash where there are none",
    "95 % interval": "where the true share lies, as far as so many attempts can tell (Wilson's score interval)",
    "few": f"fewer than {FEW} judged attempts: too few to judge",
    "funnel": "; ".join(f"{stage}: {words}" for stage, words in STAGE_WORDS.items()),
    "before and after a deployment": (
        f"the attempts of the environment up to {REACH.days} days to either side, and not beyond its neighbouring "
        "deployments; the difference in points of the delivered rate, with its 95 % interval (Newcombe's, made of both "
        f"Wilson intervals); better or worse only where that interval leaves out zero, and nothing at all below {FEW} "
        "judged attempts on either side"
    ),
    "lost, by reason": "lost attempts by outcome and by Twilio's error code, from the alert beside the call",
    "a day that stands out": (
        f"of its judged attempts, or those of one of its hours, at least {TIMES_AS_MANY:g} times as many were lost as "
        "on the other days, and more than chance explains (Fisher's exact test, its level divided by the number of "
        f"days, or hours: at most one report in {1 / CHANCE:.0f} names one for nothing); its cause is "
        "the reason that was most beyond the usual"
    ),
    "delay before ringing": (
        "what Twilio waited for the voice URL's first answer, from the call's Events; sampled: by UTC day and "
        f"environment the first call after a pause of {COLD_AFTER.total_seconds() / 60:.0f} minutes or more (a new "
        "process has to start: a cold start) and the first that came less than "
        f"{RUNNING_WITHIN.total_seconds() / 60:.0f} minutes after another"
    ),
    "sign of life": (
        "an attempt that the phone placed, or that rang it, found it busy, or was answered, and not by those to whom "
        "it rang on"
    ),
    "silent": (
        "quiet for longer than ever before between two signs of life, and for more than a day; told only of phones "
        f"with at least {ENOUGH_SIGNS} signs of life, of which chance alone makes at most one in {ENOUGH_SIGNS + 1} "
        "silent. Quiet until the last attempt of any phone, or the beginning of the last day, whichever is later"
    ),
    "calls at once": (
        "answered calls, each from its start for as long as it talked; one that ends as another starts does not meet it"
    ),
    "cost": "what Twilio charged for the call and all its legs, once all of it has settled",
    "seconds": "from the answer to the end",
    "day, hour, week": "of the report's time zone; a week is named by its Monday",
}
