"""The Record verb: stores the length and time of what a caller says, without audio."""

from __future__ import annotations

from dialtone_nb.rehearsal.exchange.call import LiveCall
from dialtone_nb.rehearsal.exchange.lines import HUNG_UP, HungUp, RecordTerms
from dialtone_nb.rehearsal.exchange.verbs import Record
from dialtone_nb.rehearsal.state.clock import rfc2822

KIND = "recording"
URL = "https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Recordings/{sid}"


def record_caller(call: LiveCall, record: Record) -> tuple[dict[str, str], HungUp | None] | None:
    """Record the caller; gives back the action's parameters and the hang-up that ended it, if any; None for silence."""
    recorded = call.line.record(RecordTerms(record.finish_on, record.timeout, record.longest, record.beep))
    broken_off = HungUp() if recorded.key == HUNG_UP else None
    call.note_end(broken_off)
    if recorded.seconds <= 0:
        return None
    duration = round(recorded.seconds)
    with call.log.writing() as tables:
        started = tables.now() - recorded.seconds
        body = {"duration": duration, "source": "RecordVerb", "started": started}
        kept = tables.add("RE", KIND, call.own.record.sid, "", body)
    told = {
        "RecordingSid": kept.sid,
        "RecordingUrl": URL.format(account_sid=call.log.store.identity.account_sid, sid=kept.sid),
        "RecordingDuration": str(duration),
    }
    progress = told | {
        "RecordingStatus": "completed",
        "RecordingChannels": "1",
        "RecordingSource": "RecordVerb",
        "RecordingStartTime": rfc2822(started) or "",
    }
    if record.callback.wants("completed"):
        call.applications.tell(call.own, record.callback, progress, "Recording status")
    return told | {"Digits": recorded.key}, broken_off
