"""YAML files that people write -> closed, typed models; every fault at once, each with its file, line and key.

A key is a name, and so it is text exactly as it is written: YAML would read 0405 as a number, and 2e1 as 20.0.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from dialtone_nb.errors import Fault, ParametersError

M = TypeVar("M")
# Beside the entries of a file: what they share, under anchors of YAML (&name), to be merged in (<<: *name).
SHARED = ".shared"
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
OWN_MERGE = "an anchor is merged into itself"
_SPELLING = "check the colons, quotes and indentation of this line and the one before"
# A problem and its repair; the problem ends where the given value may be named.
Words = tuple[str, str]
EMPTY = "is empty"


class Closed(BaseModel):
    """A model that refuses keys it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_strip_whitespace=True)


class _NamingConstructor(RoundTripConstructor):
    """Reads every key as the text that is written, and keeps keys that are not text."""

    def construct_mapping(self, node: Any, maptyp: Any, deep: bool = False) -> Any:  # type: ignore[override]
        """Fill the mapping, its keys made text; an error where it merges itself, or what it stands in."""
        if not isinstance(node, MappingNode):
            return super().construct_mapping(node, maptyp, deep)
        node.value = [(self._named(key), value) for key, value in node.value]
        unfinished: list[Node] = self.__dict__.setdefault("_unfinished", [])
        unfinished.append(node)
        for key, value in node.value:
            merged = value.value if isinstance(value, SequenceNode) else [value]
            if key.tag == _MERGE and any(one is other for one in merged for other in unfinished):
                raise ConstructorError(None, None, OWN_MERGE, key.start_mark)
        made = super().construct_mapping(node, maptyp, deep)
        unfinished.pop()
        return made

    def _named(self, key: Node) -> Node:
        if isinstance(key, ScalarNode):
            if key.tag == _MERGE:
                return key
            if key.style is None and key.value in ("", "~"):
                self.no_names.append(key)
        else:
            self.no_names.append(key)
        # A node of its own: the same anchor may be the value of another key, and that stays what it is.
        text = key.value if isinstance(key, ScalarNode) else f"key at {key.start_mark.index}"
        style = key.style if isinstance(key, ScalarNode) else None
        return ScalarNode(_TEXT, text, key.start_mark, key.end_mark, style=style, comment=key.comment)

    @property
    def no_names(self) -> list[Node]:
        """The keys that are no text: lists, maps, and nothing at all."""
        found: list[Node] = self.__dict__.setdefault("_no_names", [])
        return found


@lru_cache(maxsize=8)
def _read(text: str) -> tuple[Any, list[Node]]:
    """What a file says, and those of its keys that are no text; the same file is read in several places."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _NamingConstructor
    # It looks for no comments, which takes a third of the time, and nobody writes the file back.
    yaml.Scanner = Scanner
    return yaml.load(text), yaml.constructor.no_names


class YamlFile:
    """One YAML file: its content, and the place of each of its keys."""

    def __init__(self, path: Path) -> None:
        """Read the file; a `ParametersError` with file and line where it is absent or is not YAML."""
        self.path = path
        above = path.parent.parts[-2:]
        folders = above if above[:1] == ("parameters",) else above[-1:]
        self.name = "/".join((*folders, path.name)).lstrip("/")
        try:
            text = path.read_text(encoding="utf-8")
            self._lines = text.splitlines()
            self.content: Any
            self.content, no_names = _read(text)
        except FileNotFoundError:
            raise ParametersError(Fault(self.name, "there is no such file", f"looked in {path.parent}")) from None
        except UnicodeDecodeError:
            raise ParametersError(Fault(self.name, "is not UTF-8", "save it as UTF-8, as editors offer")) from None
        except OSError as error:
            raise ParametersError(Fault(self.name, f"cannot be read: {error}")) from None
        except MarkedYAMLError as error:
            line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
            # What follows are whole values, which nobody wants to read, and which need not be fit to be shown.
            problem = " ".join((error.problem or str(error)).split()).partition(" with value ")[0]
            repair = "give each its own name" if "duplicate key" in problem else _SPELLING
            repair = "merge another, or take the line with << out" if problem == OWN_MERGE else repair
            raise ParametersError(Fault(f"{self.name}{line}", f"is not YAML: {problem}", repair)) from None
        except YAMLError as error:
            problem = " ".join(str(error).split())
            raise ParametersError(Fault(self.name, f"is not YAML: {problem}", "write it as plain text")) from None
        except RecursionError:
            raise ParametersError(Fault(self.name, "is nested too deeply", "write it as the sample does")) from None
        except ValueError as error:
            # A value such as 2027-02-30, which looks like a day but does not exist.
            repair = "look for a day or time that does not exist, or put it in quotes"
            raise ParametersError(Fault(self.name, f"holds an invalid value: {error}", repair)) from None
        if no_names:
            raise ParametersError(self._key_fault(key, text) for key in no_names)

    def _key_fault(self, key: Node, text: str) -> Fault:
        """What is wrong with a key that is no name, in the file's own words."""
        written = " ".join(text[key.start_mark.index : key.end_mark.index].split())
        kind = "a list" if isinstance(key, SequenceNode) else "a map" if isinstance(key, MappingNode) else "empty"
        place = f"{self.name}:{key.start_mark.line + 1}"
        return Fault(place, f"the key {written!r} is {kind}, not a name", "write a name before the colon")

    def place(self, *keys: str | int) -> str:
        """Where a key stands: "parameters/clients.yaml:12 lobby.caller_id"; the nearest parent where it is absent."""
        node: Any = self.content
        line: int | None = None
        for key in keys:
            try:
                if isinstance(node, CommentedMap) and key in node:
                    line = node.lc.key(key)[0] + 1
                elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                    line = node.lc.item(key)[0] + 1
                else:
                    break
                node = node[key]
            except (KeyError, TypeError, AttributeError):
                break
        dotted = ".".join(map(str, keys))
        return f"{self.name}{f':{line}' if line else ''}{f' {dotted}' if dotted else ''}"

    def parse(self, model: type[M] | Any) -> M:
        """The content as the model; a `ParametersError` with all faults where it does not fit."""
        try:
            parsed: M = TypeAdapter(model).validate_python(self.content if self.content is not None else {})
        except ValidationError as error:
            details = [one for one in error.errors(include_url=False) if not _is_echo(one)]
            raise ParametersError(self._fault(detail, model) for detail in details) from None
        return parsed

    def parse_entries(self, key: Any, model: Any) -> tuple[dict[str, Any], list[Fault]]:
        """The entries that fit the model, by name, and the faults of those that do not; what they share is no entry."""
        mapping = dict[key, model]
        if isinstance(self.content, CommentedMap) and SHARED in self.content:
            self.content = self.content.copy()
            self.content.pop(SHARED)
        try:
            return self.parse(mapping), []
        except ParametersError as error:
            if not isinstance(self.content, Mapping):
                return {}, list(error.faults)
            fitting = {}
            for name, entry in self.content.items():
                try:
                    fitting.update(TypeAdapter(mapping).validate_python({name: entry}))
                except ValidationError:
                    continue  # its faults are among the error's
            return fitting, list(error.faults)

    def _fault(self, detail: ErrorDetails, model: Any) -> Fault:
        keys = self._keys_in_file(detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            known = _known_fields(model, keys[:-1])
            return Fault(self.place(*keys), f"there is no setting {keys[-1]!r} here", suggest(str(keys[-1]), known))
        if kind == "missing":
            under = ".".join(map(str, keys[:-1]))
            return Fault(self.place(*keys), "is missing", f"add {keys[-1]}:" + (f" under {under}" if under else ""))
        # For an invalid name the value is the name itself.
        raw = str(keys[-1]) if "[key]" in detail["loc"] else self._raw(keys)
        problem, repair = words_of(detail, raw)
        return Fault(self.place(*keys), problem, repair)

    def _raw(self, keys: Sequence[str | int]) -> str:
        """A value as it is written, which is not always how it was read: +1503 is not a number of a telephone."""
        node: Any = self.content
        try:
            for key in keys[:-1]:
                node = node[key]
            line, column = node.lc.value(keys[-1]) if isinstance(node, CommentedMap) else node.lc.item(keys[-1])
        except (KeyError, IndexError, TypeError, AttributeError):
            return ""
        return re.split(r"\s+#|,\s|[]}]", self._lines[line][column:])[0].strip()

    def _keys_in_file(self, location: Sequence[str | int]) -> list[str | int]:
        """The location without the marks that pydantic adds for union members."""
        keys: list[str | int] = []
        node: Any = self.content
        for index, part in enumerate(location):
            inside = (isinstance(node, Mapping) and part in node) or (
                isinstance(node, Sequence) and not isinstance(node, str) and isinstance(part, int) and part < len(node)
            )
            if inside:
                node = node[part]
                keys.append(part)
            elif index == len(location) - 1 and part != "[key]":
                keys.append(part)
        return keys


def _is_echo(detail: ErrorDetails) -> bool:
    """Whether a list is called too short for the entries alone that are faults of their own."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _known_fields(model: Any, location: Sequence[str | int]) -> list[str]:
    """The settings that the model knows at a location, such as `lobby` in `dict[str, Client]`."""
    for part in location:
        model = _step_into(model, part)
    fields = [name for choice in _choices(model) for name in getattr(choice, "model_fields", {})]
    return list(dict.fromkeys(fields))


def _step_into(model: Any, part: str | int) -> Any:
    for choice in _choices(model):
        fields = getattr(choice, "model_fields", {})
        if part in fields:
            return fields[part].annotation
        if get_origin(choice) in (dict, list, tuple):
            return get_args(choice)[-1 if get_origin(choice) is dict else 0]
    return None


def _choices(model: Any) -> tuple[Any, ...]:
    if get_origin(model) is Annotated:
        model = get_args(model)[0]
    return get_args(model) if get_origin(model) in (Union, UnionType) else (model,)


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


def unknown(word: str, known: Sequence[str]) -> Words:
    """What is wrong with a word that is not known, and its repair, which names the nearest that is, and all."""
    near, every = suggest(word, known), f"known are {', '.join(known)}"
    return "must be a known one", near if near == every else f"{near} ({every})"


def _text(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    if given is None:
        return EMPTY, 'write it, in quotes where it begins with a #, or it is a comment: "#"'
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return "must be text", f'put it in quotes: "{raw}"' if is_number and raw else ""


def _choice(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    known = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
    if known == ["True"]:
        return "must be true", ""
    return unknown(str(given), known)


def _list(given: Any, context: Mapping[str, Any], raw: str) -> Words:
    is_line = isinstance(given, str) and given.isprintable()
    return "must be a list", f"write [{given}]" if is_line else "write [one, two]"


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
    "greater_than": lambda _, context, __: (f"must be more than {context['gt']:g}", ""),
    "float_type": lambda *_: ("must be a number", "write it in digits alone"),
    "float_parsing": lambda *_: ("must be a number", "write it in digits alone"),
    "less_than_equal": lambda _, context, __: (f"must be at most {context['le']}", ""),
    "too_short": lambda *_: (EMPTY, "write at least one"),
    "string_too_short": lambda *_: (EMPTY, "write something, or take the line out"),
    "string_too_long": lambda _, context, __: (f"is longer than {context['max_length']} characters", "shorten it"),
}
