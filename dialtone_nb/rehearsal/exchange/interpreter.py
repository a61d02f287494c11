"""The TwiML interpreter: executes one document after another on one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from dialtone_nb.rehearsal.exchange import verbs
from dialtone_nb.rehearsal.exchange.call import BrokenOff, CallOver, LiveCall
from dialtone_nb.rehearsal.exchange.call_log import LiveLeg
from dialtone_nb.rehearsal.exchange.dial import DialRun, dial_parameters
from dialtone_nb.rehearsal.exchange.enqueue import EnqueueRun, Left, QueueDialRun
from dialtone_nb.rehearsal.exchange.lines import DigitTerms, HungUp, Line, play_prompts
from dialtone_nb.rehearsal.exchange.recordings import record_caller
from dialtone_nb.rehearsal.exchange.verbs import Complaint, Document, Verb
from dialtone_nb.rehearsal.http.errors import NOT_MODELLED

APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."
MOST_DOCUMENTS = 100  # ends calls that are redirected in a circle
# The verbs allowed in a document for the called party alone, and in the document of a waitUrl.
WHISPERED = (verbs.Say, verbs.Play, verbs.Pause, verbs.Gather, verbs.Hangup, verbs.Redirect)
WAITED_FOR = (*WHISPERED, verbs.Leave)
# If the document of a waitUrl takes no time, it is requested again only after this pause.
MOMENT_S = 1.0


@dataclass(slots=True)
class Interpreter:
    """Executes documents for a leg of a call: the call's own, or one that it dialled."""

    call: LiveCall
    leg: LiveLeg
    allowed: tuple[type[Verb], ...] = ()  # empty for all
    tell: Callable[[], dict[str, str]] = dict  # additional parameters of webhook requests

    @property
    def is_own(self) -> bool:
        """Whether this is the call's own leg."""
        return self.leg is self.call.own

    @property
    def line(self) -> Line:
        """The leg's line."""
        return self.leg.connected

    def carry_out(self, document: Document) -> None:
        """Execute a document and those that it leads to; raises `CallOver` if that ends the call."""
        for _ in range(MOST_DOCUMENTS):
            following = self._until_another(document)
            if following is None:
                return
            document = following
        self._alert(Complaint(11215, f"More than {MOST_DOCUMENTS} documents in one call"))

    def carry_out_url(self, method: str, url: str) -> None:
        """Execute the document at a URL, in the same way."""
        self.carry_out(self._another(method, url))

    def tell_application_error(self) -> None:
        """Say Twilio's message that an application error has occurred."""
        self._answer()
        self.line.say(APPLICATION_ERROR)

    def _until_another(self, document: Document) -> Document | None:
        """Execute a document; gives back the next one, or None if this one has run to its end."""
        for complaint in document.complaints:
            self._alert(complaint)
        for what in document.not_carried_out:
            self._alert(Complaint(NOT_MODELLED, f"The rehearsal does not carry out {what}"))
        for verb in document.verbs:
            if following := self._do(verb, document.url):
                return following
        return None

    def _do(self, verb: Verb, url: str) -> Document | None:
        if self.allowed and not isinstance(verb, self.allowed):
            self._refuse(verb)
            return None
        match verb:
            case verbs.Say() | verbs.Play():
                self._answer()
                play_prompts(self.line, (verb,))
            case verbs.Pause():
                play_prompts(self.line, (verb,))
            case verbs.Hangup():
                self._answer()
                raise CallOver
            case verbs.Reject(reason):
                self._reject(reason)
            case verbs.Redirect(target, method):
                return self._another(method, urljoin(url, target))
            case verbs.Gather():
                return self._gather(verb, url)
            case verbs.Dial():
                return self._dial(verb, url)
            case verbs.Enqueue():
                return self._enqueue(verb, url)
            case verbs.Leave():
                self._leave()
            case verbs.Record():
                return self._record(verb, url)
        return None

    def _refuse(self, verb: Verb) -> None:
        name = type(verb).__name__
        if not self.is_own:
            self._alert(Complaint(13201, f"<{name}> can't stand in what is for the called party alone"))
            raise CallOver
        self._alert(Complaint(12200, f"<{name}> can't stand in what is heard in a queue"))

    def _leave(self) -> None:
        if verbs.Leave in self.allowed:
            raise Left
        self._alert(Complaint(12200, "<Leave> stands only in what is heard in a queue"))

    def _another(self, method: str, url: str, extra: dict[str, str] | None = None) -> Document:
        document = self.call.applications.ask_for_twiml(self.leg, method, url, self.tell() | (extra or {}))
        if document is None and not self.is_own and self.call.log.store.behaviour.unfetched_whisper == "joined":
            return Document((), url=url)
        if document is None:
            self.tell_application_error()
            raise CallOver
        return document

    def _reject(self, reason: str) -> None:
        """End the call: unanswered if it still is, and otherwise as Hangup does (docs: Reject, and SIP and TwiML).

        A Reject that comes too late raises no alert: 12200 is about the schema, which allows it in any place.
        """
        if self.leg.record.answered is None:
            raise CallOver("busy" if reason == "busy" else "no-answer", 486 if reason == "busy" else 404)
        raise CallOver

    def _gather(self, gather: verbs.Gather, url: str) -> Document | None:
        """Collect digits and pass them to the action; if none are pressed, the document goes on."""
        self._answer()
        if gather.hears_digits:
            keeps_rest = self.call.log.store.behaviour.keys_after_gather == "kept"
            terms = DigitTerms(gather.most, gather.finish_on, gather.timeout, gather.barge_in, keeps_rest)
            digits = self.line.collect(gather.prompts, terms)
        else:
            digits = ""
            play_prompts(self.line, gather.prompts)
            self.line.pause(gather.timeout)
        if not digits and not gather.action_on_empty:
            return None
        return self._another(gather.method, urljoin(url, gather.action or ""), {"Digits": digits})

    def _dial(self, dial: verbs.Dial, url: str) -> Document | None:
        if not dial.answer_on_bridge:
            self._answer()
        queue = next((target for target in dial.targets if target.kind == "queue"), None)
        if queue:
            heard = urljoin(url, queue.url) if queue.url else ""
            result = QueueDialRun(self.call, dial, queue, heard).run()
        else:
            result = DialRun(self.call, dial, lambda leg: self._whisper(leg, url)).run()
        return self._go_on(dial.action, dial.method, url, dial_parameters(self.call, result), result.broken_off)

    def _whisper(self, leg: LiveLeg, url: str) -> None:
        if leg.target:
            Interpreter(self.call, leg, WHISPERED).carry_out_url(leg.target.method, urljoin(url, leg.target.url))

    def _record(self, record: verbs.Record, url: str) -> Document | None:
        """Record the caller; if nothing is said, the document goes on."""
        self._answer()
        recorded = record_caller(self.call, record)
        return recorded and self._go_on(record.action or "", record.method, url, *recorded)

    def _enqueue(self, enqueue: verbs.Enqueue, url: str) -> Document | None:
        self._answer()
        wait_url = urljoin(url, enqueue.wait_url)

        def hear(place: Callable[[], dict[str, str]]) -> None:
            began = self.call.log.now()
            Interpreter(self.call, self.leg, WAITED_FOR, place).carry_out_url(enqueue.wait_method, wait_url)
            if self.call.log.now() == began:
                self.line.pause(MOMENT_S)

        def whisper(method: str, whispered_url: str, told: dict[str, str]) -> None:
            Interpreter(self.call, self.leg, WHISPERED, lambda: told).carry_out_url(method, whispered_url)

        told, broken_off = EnqueueRun(self.call, enqueue, hear, whisper).run()
        return self._go_on(enqueue.action, enqueue.method, url, told, broken_off)

    def _go_on(
        self, action: str | None, method: str, url: str, told: dict[str, str], broken_off: BrokenOff | None
    ) -> Document | None:
        """The document of a verb's action, or None without an action; the action of a broken-off verb is requested too.

        There is one exception: if the caller gave up before any answer, Twilio did not request it (recorded).
        """
        if broken_off is None:
            return None if action is None else self._another(method, urljoin(url, action), told)
        is_given_up = isinstance(broken_off, HungUp) and self.leg.record.answered is None
        is_asked = not is_given_up or self.call.log.store.behaviour.asks_action_of_calls_given_up
        if action is not None and is_asked:
            # The response has no effect, as the verb was broken off.
            self.call.applications.ask(self.leg, method, urljoin(url, action), told)
        raise broken_off

    def _answer(self) -> None:
        if self.is_own:
            self.call.answer()

    def _alert(self, complaint: Complaint) -> None:
        self.call.log.alert(self.leg, complaint)
