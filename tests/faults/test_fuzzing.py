"""A sample of the damaged texts that `make faults` puts to readers by the hundred thousand."""

from __future__ import annotations

import pytest

from tests.faults import fuzzing
from tests.faults.fuzzing import READ, READERS, REFUSED, fuzz, table_of_fuzzing

SAMPLE = 2_000


@pytest.mark.parametrize("name", READERS)
def test_no_text_breaks_a_reader(name: str) -> None:
    """Whatever is sent is read, or refused as it should be; some of each."""
    fuzzed = fuzz(name, SAMPLE)
    assert fuzzed.broken == []
    assert fuzzed.outcomes.total() == SAMPLE
    assert all(fuzzed.outcomes[outcome] > SAMPLE / 100 for outcome in (READ, REFUSED))
    assert table_of_fuzzing([fuzzed]).endswith("| 0 |")


def test_a_reader_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises is told with the text."""
    monkeypatch.setattr(fuzzing, "country_of", int)
    fuzzed = fuzz("phone numbers", 20)
    assert fuzzed.broken
    assert "ValueError: invalid literal" in fuzzed.broken[0]
