"""The forms in which short codes such as 911 and 0 arrive, for decide and for check."""

from __future__ import annotations

from collections.abc import Iterator

from dialtone_nb.dialplan import countries
from dialtone_nb.dialplan.languages import END, Expression, Language
from dialtone_nb.dialplan.numbers import SHORTEST, keys_of
from dialtone_nb.dialplan.patterns import DIGITS, KEYS, Pattern, language, parse_pattern
from dialtone_nb.parameters.dialplan import Dialplan
from dialtone_nb.values.emergency import EMERGENCY_NUMBERS, KNOWN, TEST_LINE, emergency_number, emergency_numbers_regex


def short_codes_regex(dialplan: Dialplan, country: str) -> str:
    """A regular expression for short codes after + and a calling code (the phone's own or 1), or after + alone.

    The code is a group. Softphones put a country's prefix before all that is dialled: Linphone sends +1911 and +10.
    Codes that would make a possible telephone number are left out. Emergency numbers are also taken after 1 alone,
    which people in North America dial before every number.
    """
    codes = short_codes(dialplan)
    own = str(countries.calling_code(country)) if country else "1"
    parts = []
    # Codes after + alone come last: +110 is 1 and the code 10, if there is such a code, rather than 110.
    for before in (*dict.fromkeys((own, "1")), ""):
        if sources := [code.regex()[1:-1] for code in codes if not _may_be_a_number(before, code)]:
            parts.append(f"{before}({'|'.join(sources)})")
    emergency = [code.regex()[1:-1] for code in emergency_codes(dialplan)] if own == "1" else []
    forms = [rf"\+(?:{'|'.join(parts)})"] if parts else []
    forms += [f"1({'|'.join(emergency)})"] if emergency else []
    return f"^(?:{'|'.join(forms)})$" if forms else "^(?!)"


def near_emergency_regex(country: str) -> str:
    """A regular expression for an emergency number of a country with a few extra keys, or another country's number.

    Extra keys are an outside line's 9 or a 0 too many; another country's number is dialled by visitors. Beside them are
    all of the country's own, such as France's 15, 17 and 18, which Twilio does not put through.
    """
    own = {*EMERGENCY_NUMBERS.get(country, ()), emergency_number(country)} - {TEST_LINE}
    others = "".join(f"|{number}" for number in (*sorted(KNOWN - own), emergency_numbers_regex(country)) if number)
    return rf"^(?:(?=.{{1,6}}$)[0-9*#+]{{0,3}}(?:{'|'.join(sorted(own))})[0-9*#+]{{0,2}}{others})$"


def emergency_codes(dialplan: Dialplan) -> list[Pattern]:
    """The patterns of fixed length of emergency rules, without faulty ones."""
    return [pattern for rule in dialplan.rules if rule.emergency for pattern in _exact(rule.pattern)]


def short_codes(dialplan: Dialplan) -> list[Pattern]:
    """The patterns of fixed length of rules that make no telephone number, without faulty ones."""
    return [pattern for rule in dialplan.rules if rule.pstn is None for pattern in _exact(rule.pattern)]


def never_dialled(dialplan: Dialplan) -> Language:
    """Strings that no rule can match, such as 911# and +1911, because they are normalised before rules are tried."""
    plus_one = [
        Pattern((*keys_of(f"+{before}"), *code.keys))
        for code in short_codes(dialplan)
        for before in ("1", "")
        if not _may_be_a_number(before, code)
    ]
    after_one = [Pattern((*keys_of("1"), *code.keys)) for code in emergency_codes(dialplan)]
    return language([*plus_one, *after_one]) | _ends_with_send_key()


def _exact(text: str) -> Iterator[Pattern]:
    try:
        pattern = parse_pattern(text)
    except ValueError:
        return
    if not pattern.open_ended and "+" not in pattern.keys[0]:
        yield pattern


def _may_be_a_number(before: str, code: Pattern) -> bool:
    """Whether a code after + and `before` has the length of a telephone number; shorter than seven digits never has."""
    if not all(keys & DIGITS for keys in code.keys) or len(before) + len(code.keys) < SHORTEST:
        return False
    return not before or len(code.keys) in countries.possible_lengths(int(before))


def _ends_with_send_key() -> Language:
    """All strings that end in # after a digit, where # only ends dialling."""
    expression = Expression()
    ends = expression.step(DIGITS, expression.step("#", END))
    return expression.language(ends | expression.many(KEYS, ends))
