"""words.yaml: what a person does with each device, to set it up and to take it out of service."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from dialtone_nb.parameters import Device
from dialtone_nb.parameters.yaml_files import Closed, YamlFile

Steps = tuple[str, ...]


class DeviceWords(Closed):
    """The steps for one device, each in its order."""

    name: str
    open_screens: Steps = Field(min_length=1, strict=False)
    load_file: Steps = Field((), strict=False)
    see_registered: str
    undo: Steps = Field(min_length=1, strict=False)


def device_words(device: Device, *, client: str, file: str, address: str) -> DeviceWords:
    """The words for a device, with the phone's name, its configuration file's and where that is handed out put in."""
    bare = address.partition("://")[2] or address
    return _fill(_all_words()[device], client=client, file=file, address=address, bare_address=bare)


@cache
def _all_words() -> dict[Device, DeviceWords]:
    words: dict[Device, DeviceWords] = YamlFile(Path(__file__).with_name("words.yaml")).parse(dict[Device, DeviceWords])
    return words


def _fill(words: DeviceWords, **names: str) -> DeviceWords:
    def filled(steps: Steps) -> Steps:
        return tuple(step.format(**names) for step in steps)

    return words.model_copy(
        update={
            "open_screens": filled(words.open_screens),
            "load_file": filled(words.load_file),
            "undo": filled(words.undo),
        }
    )
