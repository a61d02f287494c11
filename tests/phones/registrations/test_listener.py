"""Assigning lines to phones, and handling floods, forgeries, wrong clocks and untrusted text."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest

from dialtone_nb.errors import InputError
from dialtone_nb.phones.registrations.listener import (
    MOST_DEVICES,
    MOST_IN_ALL,
    MOST_KEPT,
    MOST_LINES,
    MOST_NAMED,
    NAMED_AFTER,
    Listener,
    open_socket,
    receive,
)
from dialtone_nb.phones.registrations.store import Registration
from tests.phones.registrations.conftest import Desk
from tests.phones.registrations.imitations import IMITATIONS, exchange, grandstream, linksys, polycom, register

REGISTERED = "SigCtrl::performRegistration on acct 0, Registered: 1"


def test_a_phone_keeps_its_name_at_another_address(desk: Desk) -> None:
    """The name in the line decides, whatever its source address."""
    desk.hear(exchange("lobby"))
    desk.wait(minutes=5)
    desk.hear(exchange("lobby"), address="192.0.2.77")
    assert [(one.client, one.source) for one in desk.kept] == [("lobby", "192.0.2.31"), ("lobby", "192.0.2.77")]
    assert desk.said == []


def test_phones_behind_one_address_are_told_apart_by_name(desk: Desk) -> None:
    """A line without a name is left out, and reported."""
    desk.hear(exchange("lobby"), grandstream)
    desk.hear(exchange("kitchen"), grandstream)
    desk.wait(minutes=5)
    desk.hear([REGISTERED], grandstream)
    assert [one.client for one in desk.kept] == ["lobby", "kitchen"]
    assert desk.said == ["192.0.2.31: several phones behind one address; lines that name none of them are left out"]


def test_devices_behind_one_address_are_told_apart_by_their_mac_addresses(desk: Desk) -> None:
    """Two Grandstreams behind a NAT, one phone each."""
    for client, mac in (("lobby", "c0:74:ad:00:01:01"), ("kitchen", "c0:74:ad:00:01:02")):
        desk.hear(exchange(client), lambda text, mac=mac: grandstream(text, mac))  # type: ignore[misc]
    desk.wait(minutes=5)
    desk.hear([REGISTERED], lambda text: grandstream(text, "c0:74:ad:00:01:02"))
    assert [one.client for one in desk.kept] == ["lobby", "kitchen", "kitchen"]


def test_an_address_that_was_given_a_phone_names_it(make_desk: Callable[..., Desk]) -> None:
    """Lines without a name from a declared address belong to its phone."""
    desk = make_desk({"lobby": "192.0.2.31"})
    desk.hear([REGISTERED], grandstream)
    assert [one.client for one in desk.kept] == ["lobby"]


@pytest.mark.parametrize("form", IMITATIONS.values(), ids=IMITATIONS)
def test_nobody_else_speaks_for_a_phone_with_an_address(
    form: Callable[..., object], make_desk: Callable[..., Desk]
) -> None:
    """Lines about it from elsewhere, and lines about others from its address, are rejected and reported."""
    desk = make_desk({"lobby": "192.0.2.31"})
    desk.hear(exchange("lobby", expires=0), form, address="192.0.2.66")  # type: ignore[arg-type]
    desk.hear(exchange("kitchen"), form)  # type: ignore[arg-type]
    assert desk.kept == []
    assert desk.said == [
        "192.0.2.66: speaks for lobby, which has another address; forged, or it has moved",
        "192.0.2.31: speaks for kitchen, which has another address; forged, or it has moved",
    ]


def test_a_device_of_no_phone_is_named_once_an_hour(desk: Desk) -> None:
    """One with an unknown user name at once, without that name; a silent one after over an hour."""
    desk.hear(exchange("+15035550101"), grandstream)
    desk.hear(exchange("+15035550101"), grandstream)
    desk.hear(["hello"], polycom, address="192.0.2.40")
    (told,) = desk.said
    assert told.startswith(
        "192.0.2.31: a Grandstream that registers under no name of clients.yaml; correct its user name"
    )
    desk.at += NAMED_AFTER + timedelta(minutes=1)
    desk.hear(["hello"], polycom, address="192.0.2.40")
    assert desk.said[1:] == [
        "192.0.2.40: a Polycom that has named no phone yet; if it goes on so, name it: --phone NAME=ADDRESS"
    ]
    assert desk.kept == []


def test_a_stranger_beside_a_known_phone_is_named_too(desk: Desk) -> None:
    """For example the second port of an adapter with a misspelt user name; the first one's lines are kept."""
    desk.hear([*exchange("lobby"), *exchange("lobyb"), *exchange("lobyb")], grandstream)
    assert [one.client for one in desk.kept] == ["lobby"]
    assert desk.said == ["192.0.2.31: one of several phones here registers under no name of clients.yaml"]


def test_a_flood_from_one_address_leaves_the_others_heard(desk: Desk) -> None:
    """Its address is ignored for ten seconds, and reported."""
    for _ in range(MOST_LINES + 10):
        desk.listener.take(b"<14>noise", "192.0.2.66")
    desk.hear(exchange("lobby"), address="192.0.2.66")
    desk.hear(exchange("kitchen"))
    assert [one.client for one in desk.kept] == ["kitchen"]
    assert desk.listener.counts["flood"] == 12
    assert desk.said == [f"192.0.2.66: more than {MOST_LINES:,} lines in 10 s; the rest is lost"]
    desk.wait(seconds=11)
    desk.hear(exchange("lobby"), address="192.0.2.66")
    assert [one.client for one in desk.kept] == ["kitchen", "lobby"]


def test_addresses_made_up_by_the_thousand_fill_neither_memory_nor_terminal(desk: Desk) -> None:
    """Memory and messages per hour are bounded."""
    asked = register("stranger").encode()
    for number in range(3 * MOST_DEVICES):
        desk.listener.take(asked, f"203.0.113.{number}")
    assert len(desk.listener.unknown) == MOST_DEVICES
    assert len(desk.said) == MOST_NAMED
    held = (desk.listener._devices, desk.listener._lines, desk.listener._named)
    assert all(len(one) <= MOST_DEVICES for one in held)


def test_made_up_addresses_are_read_no_longer_than_a_server_can_bear(desk: Desk) -> None:
    """Their total rate has a limit, reported once."""
    for number in range(MOST_IN_ALL + 5):
        desk.listener.take(b"<14>noise", f"2001:db8::{number:x}")
    assert desk.listener.counts["flood"] == 5
    assert desk.said == ["any address: too many lines from too many addresses; the rest is lost"]


def test_a_forger_fills_no_disk(desk: Desk) -> None:
    """Of a thousand changes in ten minutes thirty are kept."""
    for _ in range(1000):
        desk.hear(exchange("lobby"))
        desk.hear(exchange("lobby", 403))
    assert len(desk.kept) == MOST_KEPT
    assert desk.said == ["192.0.2.31: lobby changes more than 30 times in 10 minutes; left out"]


def test_the_same_within_a_minute_is_kept_once(desk: Desk) -> None:
    """A later repetition is kept again."""
    for seconds in (0, 20, 20, 30):
        desk.wait(seconds=seconds)
        desk.hear(exchange("lobby"))
    assert len(desk.kept) == 2


def test_a_devices_clock_does_not_matter_and_ours_may_be_set_back(desk: Desk) -> None:
    """Times are times of arrival; a clock set back causes no error."""
    desk.hear(exchange("lobby"), IMITATIONS["dated_linksys"])
    at = desk.at
    desk.wait(hours=-5)
    desk.hear(exchange("lobby"), IMITATIONS["newer_grandstream"])
    assert [one.at for one in desk.kept] == [at, at - timedelta(hours=5)]


def test_nothing_foreign_is_kept_or_said(desk: Desk) -> None:
    """No terminal escapes, password digests or numbers: only our own words and declared names."""
    nasty = exchange("lobby", 403)
    nasty[1] = nasty[1].replace("As it is", "\x1b[2J\x1b]0;owned\x07")
    desk.hear(nasty, linksys)
    desk.hear(exchange("\x1b[2Jx"), linksys)
    desk.hear(exchange("kitchen"), grandstream)
    text = repr(desk.kept) + "".join(desk.said)
    assert len(desk.kept) == 2
    assert "\\x1b" not in text
    for secret in ("0c9e743215ccd69a624519f5d9f989e7", "297381190", "08814139", "Tech Room"):
        assert secret not in text


def test_datagrams_come_through_a_socket() -> None:
    """From loopback, with their source address; a timeout differs from a line."""
    kept: list[Registration] = []
    with open_socket("127.0.0.1", 0) as opened, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.9", 0))
        listener = Listener(lambda: ("lobby",), kept.append, lambda line: None)
        for message in exchange("lobby"):
            for datagram in linksys(message):
                device.sendto(datagram, opened.getsockname())
        assert receive(opened, listener)
        assert receive(opened, listener)
        assert not receive(opened, listener)
    assert [(one.client, one.source) for one in kept] == [("lobby", "127.0.0.9")]


def test_a_port_that_can_not_be_had_is_named() -> None:
    """A port in use, another machine's address, or an invalid one: a line each."""
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: is taken, by another syslog server perhaps"):
            open_socket("127.0.0.1", port)
    with pytest.raises(InputError, match=r"192.0.2.1:5514: is not an address of this computer; name one that is"):
        open_socket("192.0.2.1", 5514)
    with pytest.raises(InputError, match="no host:5514: is not an address; write one"):
        open_socket("no host", 5514)
