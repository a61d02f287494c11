"""What is wrong with a value in a file that people write, in words of theirs: from pydantic's errors to faults."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import AfterValidator
from pydantic_core import ErrorDetails

# A problem and its repair; the problem ends where the given value may be named.
Words = tuple[str, str]
EMPTY = "is empty"


def spelled(pattern: str, words: str) -> AfterValidator:
    """A check that a text fits a pattern as a whole; where it does not, `words` say what it must be."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must be {words}")
        return text

    return AfterValidator(check)


def words_of(detail: ErrorDetails, raw: str) -> Words:
    """The problem with a value and how to put it right; `raw` is the value as it is written in the file."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "value_error":
        problem, _, repair = str(context["error"]).partition("; ")
    elif kind in _WORDS:
        problem, repair = _WORDS[kind](given, context, raw)
    else:
        problem, repair = detail["msg"][0].lower() + detail["msg"][1:], ""
    is_told = problem == EMPTY or (kind == "value_error" and repr(given) in problem)
    if isinstance(given, str | int | float | bool) and not is_told:
        problem += f", not {raw if isinstance(given, int | float) and raw else repr(given)}"
    return problem, repair


def suggest(word: str, known: Sequence[str]) -> str:
    """A repair that names the nearest known word, or all of them; empty where none is known."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known)}" if known else ""


def _text(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    if given is None:
        return EMPTY, 'write it, in quotes where it begins with a #, or it is a comment: "#"'
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return "must be text", f'put it in quotes: "{raw}"' if is_number and raw else ""


def _choice(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    known = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
    if known == ["True"]:
        return "must be true", ""
    near = suggest(str(given), known)
    return "must be one of those that are known", near if near.startswith("known") else f"{near} {_known(known)}"


def _known(known: Sequence[str]) -> str:
    return f"(known are {', '.join(known)})"


def _list(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    return "must be a list", f"write [{given}]" if isinstance(given, str) else "write [one, two]"


def _day(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    return "must be a day", "write it as 2027-03-31"


def _settings(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    return "must have settings of its own", "write them under it, indented, a line each"


_WORDS: dict[str, Callable[[Any, Mapping[str, Any], str], Words]] = {
    "string_type": _text,
    "literal_error": _choice,
    "tuple_type": _list,
    "date_type": _day,
    "date_from_datetime_parsing": _day,
    "model_type": _settings,
    "dict_type": _settings,
    "bool_type": lambda *_: ("must be true or false", ""),
    "bool_parsing": lambda *_: ("must be true or false", ""),
    "int_type": lambda *_: ("must be a whole number", "write it in digits alone"),
    "int_parsing": lambda *_: ("must be a whole number", "write it in digits alone"),
    "int_from_float": lambda *_: ("must be a whole number", "write it in digits alone"),
    "greater_than_equal": lambda _, context, __: (f"must be at least {context['ge']}", ""),
    "less_than_equal": lambda _, context, __: (f"must be at most {context['le']}", ""),
    "too_short": lambda *_: (EMPTY, "write at least one"),
    "string_too_short": lambda *_: (EMPTY, "write something, or take the line out"),
    "string_too_long": lambda _, context, __: (f"is longer than {context['max_length']} characters", "shorten it"),
}
