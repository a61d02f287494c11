"""Damaged and generated texts, many thousands, given to the parsers of untrusted input: none may fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.dialplan.decide import dialled_of
from dialtone_nb.parameters import load_parameters
from dialtone_nb.rehearsal.exchange.twiml_parser import parse_twiml
from dialtone_nb.rehearsal.exchange.verbs import DEFAULT_TIME_LIMIT_S, Dial, InvalidTwiml
from dialtone_nb.server.requests import RefusedRequest, parse_values
from dialtone_nb.values.phone_numbers import country_of, format_number, is_e164, is_toll_free, mask_number
from dialtone_nb.values.sip import parse_sip_uri
from tests.faults.tables import as_table
from tests.faults.toll_fraud import ODD, SAMPLE

# How many texts `make faults` puts to each reader.
TEXTS = 100_000
# What a text says to its reader: something, or nothing that it takes.
READ, REFUSED = "read", "refused"
PIECES = (*"0123456789+#*%<>&;:@/\"'= \0", "\r\n", "\ufeff", "]]>", "<!--", "<![CDATA[", "&#0;", "%00", "%zz", *ODD)
Reader = Callable[[str], str]

_table = compile_table(load_parameters(SAMPLE))


@dataclass
class Fuzzed:
    """How one parser fared: the texts it was given, and each that made it fail."""

    reader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def read_number(text: str) -> str:
    """Parse an E.164 number and use all its properties."""
    told = (country_of(text), format_number(text), mask_number(text), is_toll_free(text))
    assert len(told[2]) == len(text), "masking changes a number's length"
    if not is_e164(text):
        return REFUSED
    assert text.isascii(), "digits of another script"
    assert told[2] != text, "not masked"
    return READ


def read_sip_uri(text: str) -> str:
    """Parse a SIP URI and the dialled number in it."""
    _, host = parse_sip_uri(text)
    assert host == host.lower(), "a host in capitals"
    assert not any(mark in host for mark in "@:;>?"), "a host with more than a host"
    dialled = dialled_of(_table, text)
    assert set(dialled) <= set("0123456789*#+"), "keys that no phone has"
    assert len(dialled) <= 40, "more keys than anybody presses"
    return READ if host else REFUSED


def read_document(text: str) -> str:
    """Parse TwiML and check its limits."""
    try:
        document = parse_twiml(text)
    except InvalidTwiml as unreadable:
        assert unreadable.complaint.code in (12100, 12102), "a code of Twilio's for something else"
        return REFUSED
    for verb in document.verbs:
        if isinstance(verb, Dial):
            assert 1 <= verb.timeout <= 600, "a timeout out of bounds"
            assert 1 <= verb.time_limit <= DEFAULT_TIME_LIMIT_S, "a time limit out of bounds"
    return READ


def read_parameters(text: str) -> str:
    """Parse a query or form as Twilio sends one."""
    try:
        parse_values(text.encode("utf-8", "replace")).single()
    except RefusedRequest as refused:
        assert 400 <= refused.status < 500, "no refusal"
        return REFUSED
    return READ


DOCUMENTS = (
    """<?xml version="1.0"?><Response><Dial timeLimit="3600" timeout="30" callerId="+15035550101" answerOnBridge="true"
    action="/call-status" method="POST"><Sip username="a" password="b">sip:%23@pbx.example.org</Sip>
    <Number sendDigits="1w2">+15035550199</Number></Dial></Response>""",
    """<Response><Gather numDigits="1" timeout="3" finishOnKey="#" input="dtmf"><Say loop="2">Hello</Say>
    <Pause length="1"/></Gather><Record maxLength="20"/><Redirect>/x</Redirect><Hangup/></Response>""",
    """<Response><Enqueue waitUrl="/wait">support</Enqueue><Reject reason="busy"/></Response>""",
)
# Each with what it is for: texts that it takes, from which others are made.
READERS: Mapping[str, tuple[Reader, Sequence[str]]] = {
    "phone numbers": (read_number, ("+15035550101", "+525555550101", "+442079460123", "5035550199", "011521")),
    "SIP URIs": (
        read_sip_uri,
        (
            "sip:5035550199@dialtone-example-prod.sip.twilio.com",
            "sips:%23@a.b:5061;transport=tls",
            '"Lobby" <sip:911;phone-context=+1@a.b;user=phone>',
            "<sip:lobby:secret@192.0.2.7?Replaces=1>",
        ),
    ),
    "TwiML": (read_document, DOCUMENTS),
    "webhooks' parameters": (
        read_parameters,
        ("To=sip%3A911%40a.b&From=&SipUsername=lobby&CallSid=CA0", "direction=incoming&client=lobby", "a=1&a=2&=&&"),
    ),
}


def fuzz(name: str, texts: int, seed: int = 7) -> Fuzzed:
    """Give this many texts to a parser and return what happened."""
    reader, samples = READERS[name]
    fuzzed = Fuzzed(name)
    for text in damaged(samples, texts, seed):
        try:
            fuzzed.outcomes[reader(text)] += 1
        except Exception as error:
            fuzzed.broken.append(f"{name}: {text[:200]!r} ({len(text)} characters): {type(error).__name__}: {error}")
    return fuzzed


def damaged(samples: Sequence[str], texts: int, seed: int) -> Iterator[str]:
    """This many texts, equal for equal seeds: damaged samples, and random pieces of samples."""
    chance = random.Random(seed)
    for _ in range(texts):
        text = chance.choice(samples) if chance.random() < 0.95 else ""
        for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
            text = _damage(chance, text, samples)
        yield text


def _damage(chance: random.Random, text: str, samples: Sequence[str]) -> str:
    begin = chance.randrange(len(text) + 1)
    end = min(begin + chance.choice((0, 1, 1, 3, 20)), len(text))
    match chance.randrange(6):
        case 0:  # something odd in the place of a part, or between two
            return text[:begin] + "".join(chance.choices(PIECES, k=chance.choice((1, 1, 2, 9)))) + text[end:]
        case 1:  # a part more than once, now and then as often as to be very long
            return text[:end] + text[begin:end] * chance.choice((1, 2, 30, 6000)) + text[end:]
        case 2:  # cut short
            return text[:begin]
        case 3:  # a part of another one
            other = chance.choice(samples)
            return text[:begin] + other[chance.randrange(len(other)) :] + text[end:]
        case 4:  # any character at all, but for halves of pairs, which no text in UTF-8 can hold
            return (
                text[:begin]
                + chr(chance.choice((chance.randrange(0xD800), chance.randrange(0xE000, 0x110000))))
                + text[end:]
            )
    return text[:begin] + text[end:]  # a part less


def table_of_fuzzing(fuzzed: Sequence[Fuzzed]) -> str:
    """A row a parser: the number of texts, what it made of them, and how many failed."""
    rows = [
        [one.reader, one.outcomes.total() + len(one.broken), one.outcomes[READ], one.outcomes[REFUSED], len(one.broken)]
        for one in fuzzed
    ]
    return as_table(["reader of", "texts", "read", "refused", "broke it"], rows)
