"""A phone's sheet has all that its installer needs, and no secret."""

from __future__ import annotations

import dataclasses
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dialtone_nb.devices.model import PORTS
from dialtone_nb.parameters import Parameters, load_parameters
from dialtone_nb.phones.configurations import loadable_names
from dialtone_nb.phones.settings import device_settings
from dialtone_nb.phones.sheets import failures_for, proofs_for, render_sheet
from tests.phones.conftest import through

CLIENTS = ("pap2t", "spa2102", "ht701", "ht801", "ht802", "soundpoint", "softphone", "anything")
every_client = pytest.mark.parametrize("client", CLIENTS)
VOID = {"meta", "wbr"}


class Page(HTMLParser):
    """A parser of pages: text, attributes that load something, and nesting of elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record what the element loads, its ID and its references."""
        found = dict(attrs)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        self.ids += [found["id"] or ""] if "id" in found else []
        self.labelled += [found["aria-labelledby"] or ""] if "aria-labelledby" in found else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the element closed is the one opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the visible text."""
        if self.open and self.open[-1] not in ("style", "title"):
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words, single spaced."""
        return " ".join("".join(self.words).split())


@every_client
def test_every_field_is_on_the_sheet_in_order(parameters: Parameters, client: str) -> None:
    """The device's fields with their values, in the device's order."""
    text = Page(render_sheet(parameters, client)).text
    start = 0
    for field in device_settings(parameters, client).fields:
        label = text.index(field.label, start)
        start = text.index(" ".join(field.shown.split()), label + len(field.label))


@every_client
def test_page_is_self_contained_and_nests(parameters: Parameters, client: str) -> None:
    """It loads nothing and has no script, every element is closed, and references to headings are valid."""
    page = render_sheet(parameters, client)
    read = Page(page)
    assert read.fetched == []
    assert read.open == []
    assert "<script" not in page
    assert not re.search(r"url\(|@import", page)
    assert set(read.labelled) <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


@every_client
def test_password_is_pointed_at(parameters: Parameters, client: str) -> None:
    """The sheet names the private file with the password, and the files that the device can load."""
    settings = device_settings(parameters, client)
    text = Page(render_sheet(parameters, client)).text
    assert settings.private_file in text
    assert all(name in text for name in loadable_names(settings))


def test_what_people_wrote_is_escaped(parameters: Parameters) -> None:
    """A description with < and & is shown literally."""
    page = render_sheet(parameters, "pap2t")
    assert "Corridor, next to the <stairs> & the lift" not in page
    assert html.escape("Corridor, next to the <stairs> & the lift") in page


def test_933_is_a_proof_only_where_emergency_calls_are_on(parameters: Parameters) -> None:
    """A phone with an address is tested with 933; the sheet of another says that 911 is off."""
    with_address, without = (Page(render_sheet(parameters, client)).text for client in ("pap2t", "ht801"))
    assert "Dial 933, before the phone is opened to the public. Never try with 911." in with_address
    assert "A voice reads the address: 12 Quill Lane, Portland." in with_address
    assert "22221" in with_address
    assert "Dial 933" not in without
    assert "22221" not in without
    assert "put a label on the phone that says so" in without


def test_proofs_come_in_their_order(parameters: Parameters) -> None:
    """Registration, dial tone, outgoing call, menu, incoming call, 933."""
    names = [proof.name for proof in proofs_for(parameters, "pap2t", see_registered="…")]
    assert names == [
        "registers",
        "hears dial tone",
        "calls out",
        "reaches the menu",
        "rings from outside",
        "reads its address back",
    ]


def test_menu_is_a_proof_only_where_the_dial_plan_has_it(parameters: Parameters) -> None:
    """Without a rule for # the sheet does not mention it."""
    rules = tuple(rule for rule in parameters.dialplan.rules if rule.pattern != "#")
    plain = dataclasses.replace(parameters, dialplan=parameters.dialplan.model_copy(update={"rules": rules}))
    assert "Dial # and nothing else." in Page(render_sheet(parameters, "ht801")).text
    assert "Dial # and nothing else." not in Page(render_sheet(plain, "ht801")).text


def test_every_failure_belongs_to_a_proof(parameters: Parameters) -> None:
    """Each kind of failure is listed under a check."""
    proofs = {proof.name for proof in proofs_for(parameters, "pap2t", see_registered="…")}
    for transport in PORTS:
        assert {failure.proof for failure in failures_for(transport, emergency=True)} <= proofs


@pytest.mark.parametrize("code", [32202, 32212, 32009, 32011, 32014, 32106, 32210, 13227])
def test_codes_that_phones_meet_have_a_repair(parameters: Parameters, code: int) -> None:
    """Every sheet has Twilio's error codes for phones."""
    assert all(str(code) in Page(render_sheet(parameters, client)).text for client in CLIENTS)


def test_old_tls_is_a_failure_of_phones_with_tls_only() -> None:
    """A sheet for UDP does not mention TLS 1.2."""
    with_tls, without = (
        {code for failure in failures_for(transport, emergency=False) for code in failure.codes}
        for transport in ("TLS", "UDP")
    )
    assert with_tls - without == {32222}


def test_sheet_names_the_edge(parameters: Parameters) -> None:
    """An edge is shown as the outbound proxy."""
    assert "sip.dublin.twilio.com" in Page(render_sheet(through(parameters, "dublin"), "ht801")).text


def test_sample_network_has_a_sheet_for_every_phone() -> None:
    """Each phone of the sample in parameters/ has a sheet with its number."""
    sample = load_parameters(Path(__file__).parents[2] / "parameters" / "sample")
    for name, client in sample.clients.items():
        assert client.caller_id[-4:] in Page(render_sheet(sample, name)).text
