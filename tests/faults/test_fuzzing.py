"""A sample of the damaged texts of which `make faults` gives parsers many thousands."""

from __future__ import annotations

import pytest

from tests.faults import fuzzing
from tests.faults.fuzzing import READ, READERS, REFUSED, fuzz, table_of_fuzzing

SAMPLE = 2_000


@pytest.mark.parametrize("name", READERS)
def test_no_text_breaks_a_reader(name: str) -> None:
    """Each text is parsed or properly rejected, and each happens."""
    fuzzed = fuzz(name, SAMPLE)
    assert fuzzed.broken == []
    assert fuzzed.outcomes.total() == SAMPLE
    assert all(fuzzed.outcomes[outcome] > SAMPLE / 100 for outcome in (READ, REFUSED))
    assert table_of_fuzzing([fuzzed]).endswith("| 0 |")


def test_a_reader_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any exception is reported with its text."""
    monkeypatch.setattr(fuzzing, "country_of", int)
    fuzzed = fuzz("phone numbers", 20)
    assert fuzzed.broken
    assert "ValueError: invalid literal" in fuzzed.broken[0]
