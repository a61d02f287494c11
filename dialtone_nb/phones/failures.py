"""failures.yaml: what goes wrong with a phone, how it shows, and its repair."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from dialtone_nb.parameters.yaml_files import Closed, YamlFile
from dialtone_nb.phones.settings import Transport


class Failure(Closed):
    """One thing that goes wrong: the proof that shows it, Twilio's codes for it, what it means, how to repair it."""

    proof: str
    sign: str
    codes: tuple[int, ...] = Field((), strict=False)
    means: str
    repair: str
    transports: tuple[Transport, ...] = Field(("UDP", "TCP", "TLS"), strict=False)
    emergency: bool = False


def failures_for(transport: Transport, *, emergency: bool) -> tuple[Failure, ...]:
    """The failures that a phone with this transport, with emergency calling or without, can have."""
    return tuple(
        failure
        for failure in _all_failures()
        if transport in failure.transports and (emergency or not failure.emergency)
    )


@cache
def _all_failures() -> tuple[Failure, ...]:
    failures: tuple[Failure, ...] = YamlFile(Path(__file__).with_name("failures.yaml")).parse(list[Failure])
    return tuple(failures)
