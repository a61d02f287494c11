"""One record a model, from which everything else about a device follows."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import dialtone_nb
from dialtone_nb.cli.network_texts import NewNetwork, network_texts
from dialtone_nb.devices import MODELS
from dialtone_nb.dialplan.compile import compile_table
from dialtone_nb.errors import ParametersError
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.configurations import configuration_files
from dialtone_nb.phones.hand_over import Handout
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.phones.sheets import render_sheet
from dialtone_nb.phones.what_if import ask_dial_plan

PACKAGE = Path(dialtone_nb.__file__).parent
NETWORK = Path(__file__).parents[1] / "phones" / "network"
every_model = pytest.mark.parametrize("key", MODELS)


def load_with(folder: Path, device: str) -> Parameters:
    """The test network with one more phone, of this device."""
    shutil.copytree(NETWORK, folder / "network")
    with (folder / "network" / "clients.yaml").open("a", encoding="utf-8") as clients:
        clients.write(
            f'\nporch: {{environment: prod, caller_id: "+15035550109", trunk_context: menu, device: {device}}}\n'
        )
    return load_parameters(folder / "network")


@pytest.fixture
def ht812(monkeypatch: pytest.MonkeyPatch) -> str:
    """A made-up model: an adapter with two ports."""
    record = replace(MODELS["grandstream-ht801"], key="grandstream-ht812", name="Grandstream HT812", ports=2)
    monkeypatch.setitem(MODELS, record.key, record)
    return record.key


def test_a_new_model_is_one_record(ht812: str, tmp_path: Path) -> None:
    """Its name is valid in clients.yaml, and its sheet, file, dial string and hand-out follow, for the first port."""
    parameters = load_with(tmp_path, ht812)
    settings = device_settings(parameters, "porch")
    assert (settings.transport, settings.port) == ("TLS", 5061)
    sheet = render_sheet(parameters, "porch")
    assert "Device sheet · Grandstream HT812" in sheet
    assert re.findall(r'<h3 id="screen-\d">([^<]+)', sheet) == [
        "Advanced Settings",
        "FXS Port 1",
        "FXS Port 1: Preferred Vocoder",
    ]
    files = configuration_files(settings, "Secret1Secret1")
    values = {element.tag: element.text for element in ET.fromstring(files[f"{ht812}.xml"]).iter()}
    assert (values["P35"], values["P34"], values["P130"]) == ("porch", "Secret1Secret1", "2")
    assert str(values["P4200"]).startswith("{ ")
    handout = Handout(files, ht812, "http://192.0.2.20:8023/prod/porch")
    assert handout.find("/prod/porch/cfg000b82aabbcc.xml") == f"{ht812}.xml"
    pressed = ask_dial_plan(parameters, compile_table(parameters), "porch", "911")
    assert pressed.at_the_phone == "sends 911 at key 3"
    assert ht812 in network_texts(NewNetwork("n", "n", ("lab",), "kiosk", "", None, "US"))["clients.yaml"]


def test_a_model_without_a_record_is_one_line_that_names_those_that_have_one(tmp_path: Path) -> None:
    """The nearest name is suggested, and all are listed."""
    with pytest.raises(ParametersError) as refused:
        load_with(tmp_path, "grandstream-ht812")
    (line,) = refused.value.lines()
    assert "must be a known one, not 'grandstream-ht812'; did you mean 'grandstream-ht8" in line
    assert all(key in line for key in MODELS)


@every_model
def test_every_record_says_what_a_person_does_and_what_was_tried(key: str) -> None:
    """How to open its screens, check its registration and reset it, with the names filled in."""
    model = MODELS[key]
    assert (model.key, bool(model.tried and model.untried)) == (key, True)
    steps = model.steps.filled(client="lobby", file="lobby.cfg", address="http://192.0.2.20:8023")
    assert steps.open_screens
    assert steps.see_registered
    assert steps.undo
    assert bool(steps.load_file) == bool(model.files)
    assert not any("{" in step for step in (*steps.open_screens, *steps.load_file, *steps.undo))


@every_model
def test_the_name_that_a_device_makes_up_means_one_of_its_files(key: str, tmp_path: Path) -> None:
    """The file name that a device requests is that of one of its files."""
    model = MODELS[key]
    files = device_settings(load_with(tmp_path, key), "porch").files("")
    assert model.own_name is None or [name for name in files if re.fullmatch(model.own_name[1], name)]


def test_nothing_but_its_record_names_a_model() -> None:
    """Other code has no condition on a model's name, which would be wrong for the next model."""
    named = re.compile("|".join(f"[\"']{re.escape(key)}[\"']" for key in MODELS if key != "any"))
    modules = [path for path in PACKAGE.rglob("*.py") if not {"devices", "node_modules"} & {*path.parts}]
    assert [str(path) for path in modules if named.search(path.read_text(encoding="utf-8"))] == []
