"""python -m dialtone_nb new-network: a network of one's own in parameters/, from flags or a few questions."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import phonenumbers
from pydantic import TypeAdapter, ValidationError

from dialtone_nb.cli.network_texts import ADDRESS_FIELDS, NewNetwork, network_texts
from dialtone_nb.errors import Fault, InputError
from dialtone_nb.parameters import FILES, OPTIONAL_FILES, EmergencyAddress, load_parameters
from dialtone_nb.parameters.field_types import ClientName, DomainPrefix, EnvironmentName, PhoneNumber, UniqueName
from dialtone_nb.parameters.network import TAKEN
from dialtone_nb.parameters.yaml_files import words_of
from dialtone_nb.runbooks.steps.opening import PARAMETERS_VARIABLE
from dialtone_nb.values.phone_numbers import country_of

NONE = "none"


def _environments(text: str) -> tuple[str, ...]:
    names = tuple(TypeAdapter(EnvironmentName).validate_python(name) for name in re.split(r"[\s,]+", text.strip()))
    # Each gets a file of its name beside the network's own.
    taken = (*TAKEN, *(name.removesuffix(".yaml") for name in (*FILES, *OPTIONAL_FILES)))
    if name := next((name for name in names if name in taken), ""):
        raise ValueError(f"{name!r} has a meaning of its own here; choose another name")
    if len({*names}) < len(names):
        raise ValueError("names an environment twice; give each its own name")
    return names


def _number(text: str) -> str:
    if text == NONE:
        return ""
    # As people write it; a letter in it is no slip of the pen.
    return str(TypeAdapter(PhoneNumber).validate_python(re.sub(r"[\s().-]", "", text)))


def _address(text: str) -> EmergencyAddress | None:
    if text == NONE:
        return None
    parts = [part.strip() for part in text.split(";")]
    if len(parts) != len(ADDRESS_FIELDS):
        raise ValueError(f"must be none, or {'; '.join(ADDRESS_FIELDS)}; write all six, with semicolons between")
    return EmergencyAddress.model_validate(dict(zip(ADDRESS_FIELDS, parts, strict=True)))


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a new network takes: its flag, how it is asked for, how it is read, and what Enter means."""

    name: str
    metavar: str
    words: str
    read: Callable[[str], Any]
    default: Callable[[Mapping[str, Any]], str] = lambda _: ""

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    def checked(self, text: str) -> Any:
        """What the text means; an `InputError` with what is wrong with it."""
        try:
            return self.read(text)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            problem, repair = words_of(detail, text)
            field = ".".join(map(str, detail["loc"]))
            raise InputError(Fault(f"{self.flag} {field}".strip(), problem, repair)) from None
        except ValueError as error:
            problem, _, repair = str(error).partition("; ")
            raise InputError(Fault(self.flag, problem, repair)) from None


def _as(kind: Any) -> Callable[[str], Any]:
    return TypeAdapter(kind).validate_python


def _country(text: str) -> str:
    if text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"there is no country {text!r}; write its two letters of ISO 3166, such as US")
    return text


QUESTIONS = (
    Question("name", "NAME", "the network's and the service's name: letters, digits and -", _as(UniqueName)),
    Question(
        "domain_prefix",
        "PREFIX",
        "how its SIP domains begin, which must be free in all of Twilio",
        _as(DomainPrefix),
        lambda known: str(known["name"]).lower(),
    ),
    Question(
        "environments",
        "NAMES",
        "its environments, in the order in which a build moves through them",
        _environments,
        lambda _: "stage prod",
    ),
    Question("phone", "NAME", "the first phone's name, such as front-desk", _as(ClientName)),
    Question("number", "NUMBER", "its number, such as +15035550101, or none yet", _number, lambda _: NONE),
    Question(
        "address", "ADDRESS", f"its emergency address, {'; '.join(ADDRESS_FIELDS)}, or none", _address, lambda _: NONE
    ),
)
COUNTRY = Question("country", "XX", "the country, where neither number nor address tells it (US)", _country)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The flags that answer every question."""
    for question in (*QUESTIONS, COUNTRY):
        parser.add_argument(question.flag, metavar=question.metavar, help=question.words)


def main(arguments: argparse.Namespace, project: Path) -> int:
    """0 where the files were written; an `InputError` where an answer is wrong or missing, or a file is there."""
    network = read_answers(vars(arguments), _ask if sys.stdin.isatty() else None)
    texts = network_texts(network)
    check_texts(texts)
    written = move_in(texts, project / "parameters")
    print(f"Written: {', '.join(f'parameters/{name}' for name in written)}")
    print("\n".join(next_steps(network)))
    return 0


def read_answers(given: Mapping[str, str | None], ask: Callable[[Question, str], Any] | None) -> NewNetwork:
    """The answers that flags give, the others asked for; an `InputError` with all that is wrong or missing."""
    answers: dict[str, Any] = {}
    faults: list[Fault] = []
    asked = [question for question in QUESTIONS if given.get(question.name) is None]
    for question in [one for one in (*QUESTIONS, COUNTRY) if given.get(one.name) is not None]:
        try:
            answers[question.name] = question.checked(given[question.name] or "")
        except InputError as error:
            faults += error.faults
    if not ask:
        faults += [
            Fault(one.flag, "is missing, and there is no terminal to ask at", f"give {one.words}") for one in asked
        ]
    if faults:
        raise InputError(faults)
    if ask:
        for question in asked:
            answers[question.name] = ask(question, question.default(answers))
    answers.setdefault("country", _country_of(answers["number"], answers["address"]))
    return NewNetwork(**answers)


def _country_of(number: str, address: EmergencyAddress | None) -> str:
    if number:
        return country_of(number)
    return address.country if address else "US"


def _ask(question: Question, default: str) -> Any:
    """What a person at the terminal answers, asked again until it can be."""
    while True:
        try:
            text = input(f"{question.words}{f' [{default}]' if default else ''}: ").strip() or default
        except EOFError:
            raise InputError(Fault(question.flag, "was not answered", "start again, or give it as a flag")) from None
        try:
            return question.checked(text)
        except InputError as error:
            print(*error.lines(), sep="\n")


def check_texts(texts: Mapping[str, str]) -> None:
    """Load and compile the files in a folder of their own, before any is where it counts."""
    from dialtone_nb.dialplan.compile import compile_table

    with tempfile.TemporaryDirectory() as above:
        folder = Path(above) / "parameters"
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        compile_table(load_parameters(folder))


def move_in(texts: Mapping[str, str], folder: Path) -> list[str]:
    """Write the files into the folder, all or none; an `InputError` where any of them is there with other words.

    What says the same already, as the shipped stage.yaml may, is left as it is.
    """
    there = {name: os.path.lexists(folder / name) for name in texts}
    other = [name for name in texts if there[name] and not _says(folder / name, texts[name])]
    if other:
        problem = f"{'is' if len(other) == 1 else 'are'} there already, and nothing was written"
        place = " and ".join(f"{folder.name}/{name}" for name in other)
        raise InputError(Fault(place, problem, "edit what is there, or move it away first"))
    made: list[Path] = []
    try:
        for name in (name for name in texts if not there[name]):
            # Should somebody else write it meanwhile, theirs stays.
            with (folder / name).open("x", encoding="utf-8") as file:
                made.append(folder / name)
                file.write(texts[name])
    except BaseException as error:
        for path in made:
            path.unlink()
        if isinstance(error, OSError):
            raise InputError(
                Fault(folder.name, f"can't be written to: {error.strerror}", "nothing was written")
            ) from None
        raise
    return [path.name for path in made]


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text


def next_steps(network: NewNetwork) -> Iterator[str]:
    """What to do now, as commands to paste."""
    python = Path(os.path.relpath(sys.executable))
    command = f"{'python' if '..' in python.parts else python} -m dialtone_nb"
    first = network.environments[0]
    if os.environ.get(PARAMETERS_VARIABLE):
        yield f"{PARAMETERS_VARIABLE} is set and names another folder: unset it to work on this network."
    yield "Rehearse it, with no account and at no cost; then the whole life of the service:"
    yield f"  {command} run deploy --consent rehearsal"
    phone = f"-r client {network.phone} -r buy_number {network.caller_id}"
    yield f"  {command} run client_setup {phone} --consent rehearsal"
    yield f"  {command} rehearse"
    yield "With an account's credentials in .env, see what would be made at Twilio; nothing is done yet:"
    yield f"  {command} run deploy --with parameters/{first}.yaml"
    if not network.number:
        # The area code under +1; elsewhere how numbers there begin.
        wanted = network.caller_id.removeprefix("+1").removeprefix("+")[:3]
        yield "A number for the phone: choose one of these, and write it into parameters/clients.yaml:"
        yield f"  {command} run client_setup --with parameters/{first}.yaml -r find_numbers {wanted}"
    if {*network.environments} != {"stage", "prod"}:
        yield "The workflows in .github/workflows/ name stage and prod: write your environments there to use them."
