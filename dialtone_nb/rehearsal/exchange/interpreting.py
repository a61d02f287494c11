"""What TwiML means: one document after another, carried out on one line."""

from __future__ import annotations

from dataclasses import dataclass

from dialtone_nb.rehearsal.exchange.dialling import Dialling, dial_parameters
from dialtone_nb.rehearsal.exchange.ledger import Leg
from dialtone_nb.rehearsal.exchange.lines import DigitTerms, Line
from dialtone_nb.rehearsal.exchange.live_call import CallOver, LiveCall
from dialtone_nb.rehearsal.exchange.prompts import play_prompts
from dialtone_nb.rehearsal.exchange.verbs import (
    Complaint,
    Dial,
    Document,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)
from dialtone_nb.rehearsal.exchange.webhooks import resolve
from dialtone_nb.rehearsal.refusal import NOT_MODELLED

APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."
MOST_DOCUMENTS = 100  # a call that is redirected in a circle ends here
# What may be carried out for somebody who was dialled, before the two are joined.
WHISPERED = (Say, Play, Pause, Gather, Hangup, Redirect)
# A document, and the URL that relative ones in it are relative to.
Placed = tuple[Document, str]


@dataclass(slots=True)
class Interpreter:
    """Carries documents out for a leg of a call: its own, or one that it dialled."""

    call: LiveCall
    leg: Leg

    @property
    def is_own(self) -> bool:
        """Whether it is the leg of whose call it is."""
        return self.leg is self.call.own

    @property
    def line(self) -> Line:
        """Who hears it."""
        return self.leg.connected

    def carry_out(self, document: Document, url: str) -> None:
        """Carry out a document, and whatever it leads to, to its end; `CallOver` where that is the end of the call."""
        for _ in range(MOST_DOCUMENTS):
            following = self._until_another(document, url)
            if following is None:
                return
            document, url = following
        self._alert(Complaint(11215, f"More than {MOST_DOCUMENTS} documents in one call"))

    def tell_application_error(self) -> None:
        """Say that something is wrong with the application."""
        self._answer()
        self.line.say(APPLICATION_ERROR)

    def _until_another(self, document: Document, url: str) -> Placed | None:
        """The document that takes over, with its URL; None where this one has run to its end."""
        for complaint in document.complaints:
            self._alert(complaint)
        for what in document.not_carried_out:
            self._alert(Complaint(NOT_MODELLED, f"The rehearsal does not carry out {what}"))
        for place, verb in enumerate(document.verbs):
            following = self._do(verb, url, is_first=place == 0)
            if following:
                return following
        return None

    def _do(self, verb: Verb, url: str, *, is_first: bool) -> Placed | None:
        if not self.is_own and not isinstance(verb, WHISPERED):
            self._alert(Complaint(13201, f"<{type(verb).__name__}> can't stand in what is for the called party alone"))
            raise CallOver
        match verb:
            case Say() | Play():
                self._answer()
                play_prompts(self.line, (verb,))
            case Pause():
                play_prompts(self.line, (verb,))
            case Hangup():
                self._answer()
                raise CallOver
            case Reject(reason):
                self._reject(reason, is_first)
            case Redirect(target, method):
                return self._another(method, resolve(url, target))
            case Gather():
                return self._gather(verb, url)
            case Dial():
                return self._dial(verb, url)
            case _:
                self._alert(Complaint(NOT_MODELLED, f"The rehearsal does not carry out <{type(verb).__name__}>"))
        return None

    def _another(self, method: str, url: str, extra: dict[str, str] | None = None) -> Placed:
        document = self.call.applications.ask_for_twiml(self.leg, method, url, extra)
        if document is None:
            self.tell_application_error()
            raise CallOver
        return document, url

    def _reject(self, reason: str, is_first: bool) -> None:
        if self.leg.record.answered is None and is_first:
            raise CallOver("busy" if reason == "busy" else "no-answer", 486 if reason == "busy" else 603)
        self._alert(Complaint(12200, "<Reject> must be the first verb"))
        raise CallOver

    def _gather(self, gather: Gather, url: str) -> Placed | None:
        """Ask for digits; what was pressed goes to the action, and where nothing was the document goes on."""
        self._answer()
        if gather.hears_digits:
            terms = DigitTerms(gather.most, gather.finish_on, gather.timeout, gather.barge_in)
            digits = self.line.collect(gather.prompts, terms)
        else:
            digits = ""
            play_prompts(self.line, gather.prompts)
            self.line.pause(gather.timeout)
        if not digits and not gather.action_on_empty:
            return None
        return self._another(gather.method, resolve(url, gather.action or ""), {"Digits": digits})

    def _dial(self, dial: Dial, url: str) -> Placed | None:
        if not dial.answer_on_bridge:
            self._answer()
        result = Dialling(self.call, dial, lambda leg: self._whisper(leg, url)).run()
        if dial.action is None:
            if result.broken_off:
                raise result.broken_off
            return None
        parameters, action = dial_parameters(self.call, result), resolve(url, dial.action)
        if result.broken_off:
            # It is asked all the same, and nobody hears what it answers.
            self.call.applications.ask(self.leg, dial.method, action, parameters)
            raise result.broken_off
        return self._another(dial.method, action, parameters)

    def _whisper(self, leg: Leg, url: str) -> None:
        if leg.target:
            called = Interpreter(self.call, leg)
            called.carry_out(*called._another(leg.target.method, resolve(url, leg.target.url)))

    def _answer(self) -> None:
        if self.is_own:
            self.call.answer()

    def _alert(self, complaint: Complaint) -> None:
        self.call.ledger.alert(self.leg, complaint)
