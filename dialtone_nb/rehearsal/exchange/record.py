"""Record: what a caller says is kept, as far as that can be: how long it was, and when."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.exchange.call import LiveCall
from dialtone_nb.rehearsal.exchange.inbound import Callback
from dialtone_nb.rehearsal.exchange.lines import HUNG_UP, Recorded, RecordTerms
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Record
from dialtone_nb.rehearsal.state.clock import rfc2822
from dialtone_nb.rehearsal.state.store import Thing

KIND = "recording"
URL = "https://api.twilio.com/2010-04-01/Accounts/{account_sid}/Recordings/{sid}"


@dataclass(slots=True)
class Recording:
    """One Record while it is carried out."""

    call: LiveCall
    record: Record

    def run(self) -> tuple[dict[str, str], bool] | None:
        """What the action is told, and whether the caller has gone; None where nothing was said."""
        record = self.record
        recorded = self.call.line.record(RecordTerms(record.finish_on, record.timeout, record.longest, record.beep))
        if recorded.key == HUNG_UP:
            self.call.own.is_gone = True
        if recorded.seconds <= 0:
            return None
        kept = self._keep(recorded)
        told = {
            "RecordingSid": kept.sid,
            "RecordingUrl": self._url(kept),
            "RecordingDuration": str(kept.body["duration"]),
        }
        self._tell_progress(kept, told)
        return told | {"Digits": recorded.key}, recorded.key == HUNG_UP

    def _keep(self, recorded: Recorded) -> Thing:
        with self.call.ledger.writing() as tables:
            duration = round(recorded.seconds)
            body = {"duration": duration, "source": "RecordVerb", "started": tables.now() - recorded.seconds}
            return tables.add("RE", KIND, self.call.own.record.sid, "", body)

    def _url(self, kept: Thing) -> str:
        return URL.format(account_sid=self.call.ledger.store.identity.account_sid, sid=kept.sid)

    def _tell_progress(self, kept: Thing, told: dict[str, str]) -> None:
        callback = Callback(self.record.callback, self.record.callback_method, self.record.callback_events)
        if not callback.url or "completed" not in callback.events:
            return
        extra = told | {
            "RecordingStatus": "completed",
            "RecordingChannels": "1",
            "RecordingSource": "RecordVerb",
            "RecordingStartTime": rfc2822(kept.body["started"]) or "",
        }
        answered, webhook = self.call.applications.ask(self.call.own, callback.method, callback.url, extra)
        if not answered.is_good:
            complaint = Complaint(15003, f"Recording status: {answered.reason}")
            self.call.ledger.alert(self.call.own, complaint, webhook, answered)
