"""The compiler: what it finds at fault, and what it makes of what is sound."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table, compile_table
from dialtone_nb.dialplan.patterns import parse_pattern
from dialtone_nb.errors import DialplanError, Fault, ParametersError
from dialtone_nb.parameters import Parameters, load_parameters

SAMPLE = Path(__file__).parents[2] / "parameters" / "sample"
COUNTRIES = "allowed_countries: [US, CA, MX]\n"


def compiled(folder: Path, dialplan: str, *, network: tuple[str, str] = ("", "")) -> Table:
    """The table of the sample network with another dial plan."""
    parameters = folder / "parameters"
    shutil.copytree(SAMPLE, parameters)
    (parameters / "dialplan.yaml").write_text(dialplan, encoding="utf-8")
    if network[0]:
        text = (parameters / "network.yaml").read_text(encoding="utf-8")
        assert network[0] in text
        (parameters / "network.yaml").write_text(text.replace(*network), encoding="utf-8")
    return compile_table(load_parameters(parameters))


def faults(folder: Path, dialplan: str, *, network: tuple[str, str] = ("", "")) -> tuple[Fault, ...]:
    """What the compiler finds at fault in a dial plan."""
    with pytest.raises(DialplanError) as caught:
        compiled(folder, dialplan, network=network)
    return caught.value.faults


def rules(*lines: str) -> str:
    """A dial plan of these rules; the first of them is on line 2."""
    return "rules:\n" + "".join(f"  - {{{line}}}\n" for line in lines) + COUNTRIES


NO_KEY = "use 0-9 # * + X (0-9) Z (1-9) N (2-9) [15-7] ."
NO_NUMBER = "write a plus sign, the country code and the number, such as +15035550190"
NO_TEMPLATE = 'write "+1{dialled}", or "+{dialled:3}" to leave out the first three'
NO_E164 = "a number is a plus sign and 7 to 15 digits, the first of them not 0"
ALL_REFUSED = "every number that the rule 'a' makes is refused, by refused_prefixes or allowed_countries"
ALLOW = "allow some of them there, or let the rule refuse and say why"


@pytest.mark.parametrize(
    ("pattern", "target", "problem", "repair"),
    [
        ("91a", "emergency: true", "the pattern '91a': character 3 is 'a', which no phone can dial", NO_KEY),
        ("912", "emergency: true", "Twilio knows no emergency number 912", "known are 911, 933, 112"),
        ("0", "trunk: operater", "there is no context 'operater' on the trunk", "did you mean 'operator'?"),
        ("211", 'number: "5035550190"', "'5035550190' is no telephone number", NO_NUMBER),
        ("211", 'number: "+1503555019"', "'+1503555019' is no telephone number", NO_NUMBER),
        ("211", 'number: "+1 503 555"', "'+1 503 555' is no telephone number", NO_NUMBER),
        (
            "211",
            'number: "+442079460143"',
            "+442079460143 is refused by refused_prefixes or allowed_countries",
            "allow it there",
        ),
        ("NXXNXXXXXX", 'pstn: "+1"', "'+1' makes no number", NO_TEMPLATE),
        ("NXXNXXXXXX", 'pstn: "+1{number}"', "'+1{number}' makes no number", NO_TEMPLATE),
        (
            "011.",
            'pstn: "+{dialled:4}"',
            "'+{dialled:4}' leaves out 4 keys, but 011. is sure of 3 only",
            "leave out at most 3",
        ),
        ("NXXNXXXXXX", 'pstn: "1{dialled}"', "'1{dialled}' makes no E.164 number of NXXNXXXXXX", NO_E164),
        ("NXXNXXXXXX", 'pstn: "{dialled}"', "'{dialled}' makes no E.164 number of NXXNXXXXXX", NO_E164),
        ("XXNXXXXXXX", 'pstn: "+{dialled}"', "'+{dialled}' makes no E.164 number of XXNXXXXXXX", NO_E164),
        ("NXXX", 'pstn: "+1{dialled}"', "'+1{dialled}' makes no E.164 number of NXXX", NO_E164),
        ("NXXNXXXXXXXXXXX", 'pstn: "+1{dialled}"', "'+1{dialled}' makes no E.164 number of NXXNXXXXXXXXXXX", NO_E164),
        ("*NXXNXXXXXX", 'pstn: "+1{dialled}"', "'+1{dialled}' makes no E.164 number of *NXXNXXXXXX", NO_E164),
        ("*.", 'pstn: "+1{dialled}"', "'+1{dialled}' makes no E.164 number of *.", NO_E164),
        ("00.", 'pstn: "+{dialled:1}"', "'+{dialled:1}' makes no E.164 number of 00.", NO_E164),
        ("01144.", 'pstn: "+{dialled:3}"', ALL_REFUSED, ALLOW),
        ("876NXXXXXX", 'pstn: "+1{dialled}"', ALL_REFUSED, ALLOW),
        ("NXX0XXXXXX", 'pstn: "+1{dialled}"', ALL_REFUSED, ALLOW),
    ],
)
def test_faults_of_one_rule(tmp_path: Path, pattern: str, target: str, problem: str, repair: str) -> None:
    """A rule at fault is told in one line, with its place and the repair."""
    at_pattern = "pattern '" in problem or "emergency" in target
    place = f"parameters/dialplan.yaml:2 rules.0.{'pattern' if at_pattern else target.partition(':')[0]}"
    found = faults(tmp_path, rules(f'name: a, pattern: "{pattern}", {target}'))
    assert found == (Fault(place, problem, repair),)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            'name: a, pattern: "0", trunk: menu, emergency: true',
            "has emergency and trunk; give it exactly one of pstn, emergency, trunk, number, refuse",
        ),
        ('name: a, pattern: "0"', "has no target; give it exactly one of pstn, emergency, trunk, number, refuse"),
        ('name: a, pattern: "0", trunk: ', "has an empty target; say what trunk is"),
        ('name: a, pattern: "0", tronk: menu', "there is no setting 'tronk' here; did you mean 'trunk'?"),
    ],
)
def test_a_rule_has_one_target(tmp_path: Path, rule: str, says: str) -> None:
    """A rule with no target, two, or an unknown one is refused where the file is read."""
    with pytest.raises(ParametersError) as caught:
        compiled(tmp_path, rules(rule))
    assert [f"{fault.problem}; {fault.repair}" for fault in caught.value.faults][:1] == [says]
    assert caught.value.faults[0].place.startswith("parameters/dialplan.yaml:2 rules.0")


@pytest.mark.parametrize(
    ("patterns", "takers"),
    [
        (["911", "911"], "'r0'"),
        (["011.", "01152NXXXXXXXXX"], "'r0'"),
        (["[0-4]", "[5-9]", "X"], "'r0' and 'r1'"),
        (["0.", "Z.", "00XX"], "'r0'"),
        (["X", "[0-9#*+][0-9#*+]", "[0-9#*+][0-9#*+].", "X."], "'r1' and 'r2'"),
        (["N", "[2-57-9]", "6"], "'r0'"),
        (["X#", "X*", "X+", "X[#*+]"], "'r0' and 'r1' and 'r2'"),
    ],
)
def test_a_rule_that_can_never_match(tmp_path: Path, patterns: list[str], takers: str) -> None:
    """A rule is at fault where those before it leave nothing for it, together if not one by one."""
    last = len(patterns) - 1
    found = faults(tmp_path, rules(*(f'name: r{i}, pattern: "{p}", refuse: No.' for i, p in enumerate(patterns))))
    assert found[-1] == Fault(
        f"parameters/dialplan.yaml:{last + 2} rules.{last}.pattern",
        f"the rule 'r{last}' can never match: {takers} before it take every {patterns[-1]}",
        "move it up, or take it out",
    )


few = st.sampled_from(["0", "#", "X", "Z", "[0#]", "[0-9#*+]"])
short_patterns = st.tuples(st.lists(few, min_size=1, max_size=2).map("".join), st.sampled_from(["", "."])).map("".join)
# Patterns of two keys and a rest can tell no key from another after the third.
EVERYTHING = ["".join(keys) for length in (1, 2, 3, 4) for keys in itertools.product("05#*", repeat=length)]


@settings(max_examples=60)
@given(patterns=st.lists(short_patterns, min_size=2, max_size=5))
def test_dead_rules_by_trying_everything(patterns: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The rules at fault are those that no dialled string reaches, all strings having been tried."""
    regexes = [parse_pattern(pattern).regex() for pattern in patterns]
    reached = {next((i for i, regex in enumerate(regexes) if re.fullmatch(regex, text)), None) for text in EVERYTHING}
    dead = [i for i in range(len(patterns)) if i not in reached]
    plan = rules(*(f'name: r{i}, pattern: "{pattern}", refuse: No.' for i, pattern in enumerate(patterns)))
    folder = tmp_path_factory.mktemp("plan")
    if dead:
        assert [fault.place.split()[-1] for fault in faults(folder, plan)] == [f"rules.{i}.pattern" for i in dead]
    else:
        assert len(compiled(folder, plan).rules) == len(patterns)


def test_a_rule_that_is_left_something_is_sound(tmp_path: Path) -> None:
    """Rules may overlap, as long as each has something of its own."""
    lines = [
        f'name: r{i}, pattern: "{p}", refuse: No.' for i, p in enumerate(["911", "9[0-2]X", "9XX", "XXX", "X.", "."])
    ]
    assert len(compiled(tmp_path, rules(*lines)).rules) == 6


def test_prefixes(tmp_path: Path) -> None:
    """Refused prefixes that no number has, that are misspelt, or that stand there twice, are faults."""
    plan = rules('name: a, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"') + (
        "refused_prefixes:\n"
        "  - name: bad\n"
        "    say: No.\n"
        "    prefixes:\n"
        + "".join(
            f'      - "{prefix}"\n'
            for prefix in ["900", "+1100", "+1900", "+1900", "+19o0", "+1900.", "+999", "+1NXX1"]
        )
        + '      - "+15035550199999"\n'
    )
    no_number = "write a plus sign and the country code first, such as +1900 or +1NXX976"
    assert [(fault.place[-1], fault.problem, fault.repair) for fault in faults(tmp_path, plan)] == [
        ("0", "no number begins with '900'", no_number),
        ("1", "no number begins with '+1100'", no_number),
        ("3", "+1900 is refused as 'bad' already", "take one out"),
        ("4", "the prefix '+19o0': character 4 is 'o', which no phone can dial", NO_KEY),
        ("5", "the prefix '+1900.' ends in '.'", "leave it out: a prefix takes what follows"),
        ("6", "no number begins with '+999'", no_number),
        ("7", "no number begins with '+1NXX1'", no_number),
        ("8", "no number begins with '+15035550199999'", no_number),
    ]


def test_countries(tmp_path: Path) -> None:
    """Countries that do not exist, stand there twice, or can't be told from others are faults."""
    plan = (
        'rules:\n  - {name: a, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"}\n'
        "allowed_countries:\n  - US\n  - UK\n  - GB\n  - US\n  - us\n"
    )
    iso = "write its two letters of ISO 3166, such as US, CA, MX"
    assert faults(tmp_path, plan) == (
        Fault("parameters/dialplan.yaml:5 allowed_countries.1", "there is no country 'UK'", iso),
        Fault(
            "parameters/dialplan.yaml:6 allowed_countries.2",
            "GB has the same calling code as GG, IM, JE, and can't be told apart by it",
            "allow all of them, or none",
        ),
        Fault("parameters/dialplan.yaml:7 allowed_countries.3", "US is there already", "take one out"),
        Fault("parameters/dialplan.yaml:8 allowed_countries.4", "there is no country 'us'", iso),
    )


def test_all_faults_at_once(tmp_path: Path) -> None:
    """Faults of every part come in one go, in the order of the file."""
    plan = (
        rules(
            'name: a, pattern: "9[", emergency: true',
            'name: b, pattern: "0", trunk: nowhere',
            'name: b, pattern: "0", trunk: client',
        )
        + 'refused_prefixes: [{name: p, say: No., prefixes: ["1900"]}]\n'
    )
    assert [fault.place for fault in faults(tmp_path, plan)] == [
        "parameters/dialplan.yaml:2 rules.0.pattern",
        "parameters/dialplan.yaml:4 rules.2.name",
        "parameters/dialplan.yaml:4 rules.2.pattern",
        "parameters/dialplan.yaml:3 rules.1.trunk",
        "parameters/dialplan.yaml:6 refused_prefixes.0.prefixes.0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("X-Dialtone-Client", '"X Client"', "trunk.headers.X Client", "'X Client' is no SIP header"),
        ("pbx.example.org", "x" * 250, "trunk.uri", "grows to 293 characters, more than 254"),
        ('"{client}"', "x" * 1010, "trunk.headers", "grow to 1029 characters, more than 1024"),
    ],
)
def test_trunk(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    """A trunk whose URI or headers Twilio would not take is a fault of network.yaml."""
    (fault,) = faults(tmp_path, rules('name: a, pattern: "0", trunk: client'), network=(old, new))
    assert fault.problem == problem
    assert fault.place.startswith("parameters/network.yaml:")
    assert fault.place.endswith(f" {key}")


def test_clients(table: Table, parameters: Parameters) -> None:
    """Each phone stands in its own environment, with its number, its SIP domain and the shorter of the two limits."""
    assert {name: sorted(env.clients) for name, env in table.environments.items()} == {
        "stage": ["van", "workbench"],
        "prod": ["clinic", "ferry", "garden", "library", "lobby", "makerspace"],
    }
    for environment in table.environments.values():
        for name, client in environment.clients.items():
            declared = parameters.clients[name]
            assert client.caller_id == declared.caller_id
            assert client.emergency == (declared.emergency_address is not None)
            domains = environment.domains
            assert client.domain == (domains.emergency if client.emergency else domains.nonemergency)
            assert environment.numbers[client.caller_id] == name
    assert table.environments["prod"].clients["ferry"].call_time_limit_s == 600
    assert table.environments["prod"].clients["lobby"].call_time_limit_s == 3600
