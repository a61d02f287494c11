"""The facts of recorded.yaml, which others recorded at the real Twilio, replayed on a rehearsal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import yaml
from flask import Flask, request

from dialtone_nb.rehearsal import start_rehearsal
from dialtone_nb.testing.applications import serve_application
from tests.rehearsal.behaviour_cases import MISSING, Stage, dig
from tests.rehearsal.doors import Door

ROOT = Path(__file__).parents[2]
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda found, wanted: bool(found == wanted),
    "not": lambda found, wanted: bool(found != wanted),
    "in": lambda found, wanted: found in wanted,
    "type": lambda found, wanted: type(found).__name__ == wanted,
    "like": lambda found, wanted: isinstance(found, str) and re.search(wanted, found) is not None,
    "count": lambda found, wanted: len(found) == wanted,
    "min": lambda found, wanted: len(found) >= wanted,
    "keys": lambda found, wanted: set(found) == set(wanted),
    "has": lambda found, wanted: set(wanted) <= set(found),
    "lacks": lambda found, wanted: not set(wanted) & set(found),
}


@dataclass(frozen=True)
class Fact:
    """A recorded fact; without `get` another test covers it, or it can't be requested here."""

    id: str
    says: str
    source: str
    age: str
    sure: str
    auth: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    do: tuple[Any, ...] = ()
    get: dict[str, Any] = field(default_factory=dict)
    differs: str = ""
    held_by: str = ""


DATA = yaml.load(Path(__file__).with_name("recorded.yaml").read_text("utf-8"), yaml.CSafeLoader)
FACTS = [Fact(**one) for one in DATA["facts"]]
REPLAYED = [fact for fact in FACTS if fact.get]


class Application:
    """Receives webhooks, responds as a fact needs, and keeps the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Any] = {}
        self.told: list[dict[str, Any]] = []

    def answer(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, str]:
        """Status and text of the response to a webhook."""
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query if method == "GET" else body, keep_blank_values=True)
        told = {"path": parts.path, "names": [name for name, _ in pairs], "params": dict(pairs), "headers": headers}
        self.told.append(told)
        answer = self.answers.get(parts.path, "<Response/>")
        status, text = (answer["status"], answer["body"]) if isinstance(answer, dict) else (200, answer)
        return status, text.replace("{here}", self.url)

    def hooks(self, path: str) -> list[dict[str, Any]]:
        """The requests to a path, in order."""
        return [one for one in self.told if one["path"] == path]


@contextmanager
def serve_recorder() -> Iterator[Application]:
    """An application on loopback."""
    app, application = Flask(__name__), Application("")

    @app.before_request
    def answer() -> Any:
        headers = {name.lower(): value for name, value in request.headers}
        status, text = application.answer(request.method, request.full_path, headers, request.get_data(as_text=True))
        return text, status, {"Content-Type": "text/xml"}

    with serve_application(app) as application.url:
        yield application


class Replay:
    """Replays facts on one rehearsal, and reports where it differs."""

    def __init__(self, stage: Stage, application: Application) -> None:
        self._stage = stage
        self._application = application

    def play(self, step: Any) -> requests.Response:
        """The response to a line, or to an object that is sent to the rehearsal's own API."""
        if isinstance(step, str):
            return self._stage.play(step)
        name = step.get("->", "")
        ((path, body),) = ((key, value) for key, value in step.items() if key != "->")
        response = self._stage.door.ask("POST", "rehearsal.localhost", path, json=body)
        if name:
            self._stage.made[name] = response.json()
        return response

    def differences(self, fact: Fact) -> list[str]:
        """What is otherwise than a fact says."""
        self._application.answers = fact.answers
        self._application.told.clear()
        credentials = {"none": None, "wrong": (self._stage.door.rehearsal.account_sid, "0" * 32)}
        self._stage.options = {"auth": credentials[fact.auth]} if fact.auth else {}
        response = [self.play(step) for step in fact.do][-1]
        found = {path: self._found(path, response) for path in fact.get}
        return [
            f"{path}: Twilio {wanted!r}, here {'nothing' if found[path] is MISSING else found[path]!r}"
            for path, wanted in fact.get.items()
            if not self._agrees(found[path], wanted)
        ]

    def _found(self, path: str, response: requests.Response) -> Any:
        head, _, rest = path.partition(" ")
        if head == "status":
            return response.status_code
        if head == "header":
            return response.headers.get(rest, MISSING)
        if head == "body":
            return dig(response.json(), rest)
        if head == "made":
            name, _, inner = rest.partition(".")
            return dig(self._stage.made[name], inner)
        where, _, inner = rest.partition(" ")
        if head == "hooks":
            return [one["params"].get(inner) for one in self._application.hooks(where)]
        last = where.endswith("[-1]")
        hooks = self._application.hooks(where.removesuffix("[-1]"))
        if inner == "count":
            return len(hooks)
        return dig(hooks[-1 if last else 0], inner) if hooks else MISSING

    def _agrees(self, found: Any, wanted: Any) -> bool:
        if found is MISSING:
            return False
        if isinstance(wanted, dict):
            return all(RULES[rule](found, self._filled(rule, value)) for rule, value in wanted.items())
        wanted = self._filled("is", wanted)
        return bool(found == wanted) and type(found) is type(wanted)

    def _filled(self, rule: str, wanted: Any) -> Any:
        return self._stage.filled(wanted) if isinstance(wanted, str) and rule != "like" else wanted


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The differences of each fact, by its ID; facts build on earlier ones, so that all are replayed together."""
    state = tmp_path_factory.mktemp("recorded") / "state.db"
    with start_rehearsal(state) as running, serve_recorder() as application:
        door = Door(running)
        made = {"here": {"sid": application.url}, "AC": {"sid": running.account_sid}}
        replay = Replay(Stage(door, made), application)
        for step in DATA["given"]:
            assert replay.play(step).status_code < 300, step
        found = {fact.id: replay.differences(fact) for fact in REPLAYED}
        door.session.close()
    return found


@pytest.mark.parametrize("fact", [one for one in REPLAYED if not one.differs], ids=lambda fact: fact.id)
def test_a_recorded_fact_agrees(differences: dict[str, list[str]], fact: Fact) -> None:
    """The rehearsal behaves as was recorded at the real Twilio."""
    assert differences[fact.id] == [], fact.says


def test_as_many_facts_agree_as_ever_did(differences: dict[str, list[str]]) -> None:
    """The number of facts that agree is kept beside them, and must not fall."""
    assert sum(not found for found in differences.values()) >= DATA["agreeing"]


def test_every_fact_has_its_source_its_age_and_a_way_to_hold_it() -> None:
    """IDs are unique; a fact that is not replayed names a test that exists, or says how the rehearsal differs."""
    assert len({fact.id for fact in FACTS}) == len(FACTS)
    assert [fact.id for fact in FACTS if not (fact.says and fact.source and fact.age)] == []
    assert {fact.sure for fact in FACTS} <= {"certain", "likely", "documented", "doubtful"}
    assert [fact.id for fact in FACTS if not (fact.get or fact.held_by or fact.differs)] == []
    for fact in FACTS:
        if fact.held_by:
            file, _, name = fact.held_by.partition("::")
            assert f"def {name}(" in (ROOT / file).read_text("utf-8"), fact.id


def test_a_difference_is_seen() -> None:
    """Each rule accepts what agrees and rejects what does not."""
    for rule, found, wanted, other in (
        ("is", [1, 2], [1, 2], [2, 1]),
        ("not", "a", "b", "a"),
        ("in", 401, [401, 403], [404]),
        ("type", "a", "str", "int"),
        ("like", "RQ12", "^RQ[0-9]+$", "^AC"),
        ("count", [1], 1, 2),
        ("min", [1, 2], 1, 3),
        ("keys", {"a": 1}, ["a"], ["a", "b"]),
        ("has", {"a": 1, "b": 2}, ["a"], ["c"]),
        ("lacks", {"a": 1}, ["b"], ["a"]),
    ):
        assert RULES[rule](found, wanted), rule
        assert not RULES[rule](found, other), rule
