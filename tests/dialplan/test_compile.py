"""The compiler: the faults that it finds, and the table that it makes."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone_nb.dialplan.compile import Table, compile_table
from dialtone_nb.dialplan.decide import decide
from dialtone_nb.dialplan.decisions import DialPstn, OutgoingCall
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


def test_a_dial_plan_is_compiled_once_for_all_cells_of_a_runbook() -> None:
    """Checking it takes a while; when the files are read again, so is the dial plan."""
    parameters = load_parameters(SAMPLE)
    table = compile_table(parameters)
    assert compile_table(parameters) is table
    assert compile_table(load_parameters(SAMPLE)) is not table


def faults(folder: Path, dialplan: str, *, network: tuple[str, str] = ("", "")) -> tuple[Fault, ...]:
    """The faults that the compiler finds in a dial plan."""
    with pytest.raises(DialplanError) as caught:
        compiled(folder, dialplan, network=network)
    return caught.value.faults


def rules(*lines: str) -> str:
    """A dial plan with these rules; the first of them is on line 2."""
    return "rules:\n" + "".join(f"  - {{{line}}}\n" for line in lines) + COUNTRIES


NO_KEY = "use 0-9 # * + X (0-9) Z (1-9) N (2-9) [15-7] ."
NO_NUMBER = "write a plus sign, the country code and the number, such as +15035550190"
NO_TEMPLATE = 'write "+1{dialled}", or "+{dialled:3}" to leave out the first three'
NO_E164 = "a number is a plus sign and 7 to 15 digits, the first of them not 0"
ALL_REFUSED = "every number that the rule 'a' makes is refused, by refused_prefixes or allowed_countries"
ADD_COUNTRY = "add the country to allowed_countries"
WHOLE_CODE = "write the whole code that is new, such as +1471"
KNOWN_NUMBERS = (
    "known are US: 911, 933; CA: 911, 933; PR: 911, 933; VI: 911, 933; GU: 911, 933; AS: 911, 933; MP: 911, 933; "
    "GB: 999, 112; AU: 000, 112; IE: 112, 999; FR: 112; DE: 112, 110; AT: 112, 133, 144, 122"
)
ALLOW = "allow some of them there, or let the rule refuse and say why"


@pytest.mark.parametrize(
    ("pattern", "target", "problem", "repair"),
    [
        ("91a", "emergency: true", "the pattern '91a': character 3 is 'a', which no phone can dial", NO_KEY),
        ("912", "emergency: true", "Twilio knows no emergency number 912", KNOWN_NUMBERS),
        ("9911", 'emergency: "912"', "Twilio knows no emergency number 912", KNOWN_NUMBERS),
        (
            "999",
            "emergency: true",
            "999 is an emergency number in GB, IE, where none of the phones is (they are in US)",
            "write the number of their country, or take the rule out",
        ),
        ("0", "trunk: operater", "there is no context 'operater' on the trunk", "did you mean 'operator'?"),
        ("211", 'number: "5035550190"', "'5035550190' is not a telephone number", NO_NUMBER),
        ("211", 'number: "+1503555019"', "'+1503555019' is not a telephone number", NO_NUMBER),
        ("211", 'number: "+1 503 555"', "'+1 503 555' is not a telephone number", NO_NUMBER),
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
    """A fault in a rule is reported in one line, with its place and the repair."""
    at_pattern = "pattern '" in problem or target == "emergency: true"
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
    """A rule without a target, with two, or with an unknown one is rejected when the file is read."""
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
        (["*#", "**", "*+", "*[#*+]"], "'r0' and 'r1' and 'r2'"),
        (["X*", "X+", "X[#*+]"], "'r0' and 'r1'"),
    ],
)
def test_a_rule_that_can_never_match(tmp_path: Path, patterns: list[str], takers: str) -> None:
    """A rule is a fault if the earlier ones, together or singly, match everything that it matches."""
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
EVERYTHING = [
    dialled
    for length in (1, 2, 3, 4)
    for dialled in map("".join, itertools.product("05#*", repeat=length))
    if not re.search("[0-9]#$", dialled)  # left out before rules are tried
]


@settings(max_examples=60)
@given(patterns=st.lists(short_patterns, min_size=2, max_size=5))
def test_dead_rules_by_trying_everything(patterns: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The rules reported are those that no dialled string reaches when all strings are tried."""
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
    """Rules may overlap if each has strings of its own."""
    lines = [
        f'name: r{i}, pattern: "{p}", refuse: No.' for i, p in enumerate(["911", "9[0-2]X", "9XX", "XXX", "X.", "."])
    ]
    assert len(compiled(tmp_path, rules(*lines)).rules) == 6


def test_prefixes(tmp_path: Path) -> None:
    """Refused prefixes that no number has, that are misspelt, or that are listed twice, are faults."""
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
    """Countries that do not exist or are listed twice are faults; allowing one of several with a code is not."""
    plan = (
        'rules:\n  - {name: a, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"}\n'
        "allowed_countries:\n  - US\n  - UK\n  - GB\n  - US\n  - us\n"
    )
    iso = "write its two letters of ISO 3166, such as US, CA, MX"
    assert faults(tmp_path, plan) == (
        Fault("parameters/dialplan.yaml:5 allowed_countries.1", "there is no country 'UK'", iso),
        Fault("parameters/dialplan.yaml:7 allowed_countries.3", "US is there already", "take one out"),
        Fault("parameters/dialplan.yaml:8 allowed_countries.4", "there is no country 'us'", iso),
    )


@pytest.mark.parametrize(
    ("prefix", "problem", "repair"),
    [
        ("+15x3", "the prefix '+15x3': character 4 is 'x', which no phone can dial", NO_KEY),
        ("+1700.", "the prefix '+1700.' ends in '.'", "leave it out: a prefix takes what follows"),
        (
            "1700",
            "no number begins with '1700'",
            "write a plus sign and the country code first, such as +1471 or +14[67]1",
        ),
        ("+4470", "what begins with +4470 is under no calling code of an allowed country", ADD_COUNTRY),
        ("+1242", "what begins with +1242 is another country's", ADD_COUNTRY),
        ("+1503", "what begins with +1503 may be called already", "take it out"),
        ("+1800", "what begins with +1800 may be called already", "take it out"),
        ("+170", "what begins with +170 may be called already, in part", WHOLE_CODE),
        ("+124", "what begins with +124 may be called already, in part", WHOLE_CODE),
        ("+1[27]00", "", ""),
        ("+124[256]", "what begins with +124[256] is another country's, in part", WHOLE_CODE),
        ("+1", "what begins with +1 may be called already, in part", WHOLE_CODE),
        ("+52", "what begins with +52 may be called already, in part", WHOLE_CODE),
        ("+1976", "what begins with +1976 is refused by refused_prefixes", "take one of the two out"),
    ],
)
def test_also_allowed(tmp_path: Path, prefix: str, problem: str, repair: str) -> None:
    """What is also allowed must be otherwise refused, entirely, and in an allowed country."""
    plan = rules('name: a, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"') + (
        f'also_allowed: ["+1471", "{prefix}"]\nrefused_prefixes: [{{name: p, say: No., prefixes: ["+1976"]}}]\n'
    )
    if problem:
        assert faults(tmp_path, plan) == (Fault("parameters/dialplan.yaml:4 also_allowed.1", problem, repair),)
    else:
        assert compiled(tmp_path, plan).countries.also_allowed == r"^\+1471|^\+1[27]00"


def test_also_allowed_twice(tmp_path: Path) -> None:
    """The same beginning twice is a fault."""
    plan = rules('name: a, pattern: "NXXNXXXXXX", pstn: "+1{dialled}"') + 'also_allowed: ["+1471", "+1471"]\n'
    assert [fault.problem for fault in faults(tmp_path, plan)] == ["+1471 is there already"]


def test_a_number_in_an_area_code_that_is_also_allowed(tmp_path: Path) -> None:
    """The compiler accepts it as the table does; without the entry it is a fault."""
    plan = rules(
        'name: a, pattern: "471NXXXXXX", pstn: "+1{dialled}"', 'name: b, pattern: "311", number: "+14715550171"'
    )
    table = compiled(tmp_path / "with", plan + 'also_allowed: ["+1471"]\n')
    for dialled in ("4715550199", "311"):
        assert isinstance(decide(table, OutgoingCall("prod", "lobby", f"sip:{dialled}@x.example")), DialPstn)
    assert [fault.problem for fault in faults(tmp_path / "without", plan)] == [
        ALL_REFUSED,
        "'+14715550171' is not a telephone number",
    ]


@pytest.mark.parametrize("target", ["emergency: true", "refuse: No."])
def test_only_what_has_limits_is_exempt(tmp_path: Path, target: str) -> None:
    """Emergency calls and refusals have no limits to be exempt from."""
    with pytest.raises(ParametersError, match=f"is exempt from limits, which {target.partition(':')[0]} has none of"):
        compiled(tmp_path, rules(f'name: a, pattern: "911", {target}, exempt: true'))


@pytest.mark.parametrize("pattern", ["911#", "+1911", "+911", "+10", "1#", "+1988"])
def test_a_rule_for_what_is_spelled_otherwise_before_it(tmp_path: Path, pattern: str) -> None:
    """No rule matches a # after the last digit, or + and 1 before a short code."""
    short = ('name: a, pattern: "911", emergency: true', 'name: b, pattern: "0", trunk: operator')
    code = 'name: c, pattern: "988", number: "+18002738255"'
    (fault,) = faults(tmp_path, rules(*short, code, f'name: d, pattern: "{pattern}", trunk: operator'))
    assert fault == Fault(
        "parameters/dialplan.yaml:5 rules.3.pattern",
        "the rule 'd' can never match: a # after the last digit, and + or +1 before a short code, are left out before "
        "rules are tried",
        f"write {pattern} without it",
    )


def test_all_faults_at_once(tmp_path: Path) -> None:
    """Faults of all parts are reported together, in the order of the file."""
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
        ("X-Dialtone-Client", '"X Client"', "trunk.headers.X Client", "'X Client' is not a SIP header"),
        ("pbx.example.org", "x" * 250, "trunk.uri", "grows to 293 characters, more than 254"),
        ('"{client}"', "x" * 1010, "trunk.headers", "grow to 1029 characters, more than 1024"),
    ],
)
def test_trunk(tmp_path: Path, old: str, new: str, key: str, problem: str) -> None:
    """A trunk whose URI or headers Twilio would reject is a fault of network.yaml."""
    (fault,) = faults(tmp_path, rules('name: a, pattern: "0", trunk: client'), network=(old, new))
    assert fault.problem == problem
    assert fault.place.startswith("parameters/network.yaml:")
    assert fault.place.endswith(f" {key}")


def test_clients(table: Table, parameters: Parameters) -> None:
    """Each phone is in its environment, with its number, its SIP domain and the shorter of the two limits."""
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
