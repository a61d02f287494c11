"""Common behaviour of all resources, shown with made-up ones: fleets, and the boats in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone_nb.rehearsal.api.collection import API_2010, Api, Collection
from dialtone_nb.rehearsal.http.errors import Refusal
from dialtone_nb.rehearsal.http.operations import ApiRequest
from dialtone_nb.rehearsal.state.store import Store, Tables, Thing

HARBOUR = Api("harbour.twilio.com")
FLEETS = Collection(HARBOUR, "Fleets", kind="fleet", prefix="FL", by_name=True, links={"boats": "Boats"})
BOATS = Collection(HARBOUR, "Boats", kind="boat", prefix="BO", above=FLEETS)
SAILS = Collection(HARBOUR, "Sails", kind="sail", prefix="SA", above=BOATS, is_immutable=True)


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    """An empty account."""
    store = Store(tmp_path / "state.db", 7)
    with store.transaction() as tables:
        yield tables
    store.close()


@pytest.fixture
def sail(tables: Tables) -> Thing:
    """A sail of a boat in the fleet north."""
    fleet = FLEETS.add(tables, "", "north", {"unique_name": "north"})
    boat = BOATS.add(tables, fleet.sid, "gull", {"unique_name": "gull"})
    return SAILS.add(tables, boat.sid, "jib", {"colour": "red"})


def at(path: str, **names: str) -> ApiRequest:
    """A request for a path, with its variables."""
    return ApiRequest("GET", HARBOUR.host, path, names)


def test_a_resource_shows_its_own_fields_and_those_that_all_have(tables: Tables, sail: Thing) -> None:
    """SIDs of its parents, dates, its own fields, its URL; no date_updated if it can't change."""
    boat = tables.get("boat", sail.parent)
    assert boat is not None
    body = SAILS.body(tables, sail)
    assert (body["sid"], body["boat_sid"], body["fleet_sid"]) == (sail.sid, boat.sid, boat.parent)
    assert body["url"] == f"https://harbour.twilio.com/v1/Fleets/{boat.parent}/Boats/{boat.sid}/Sails/{sail.sid}"
    assert (body["colour"], "date_updated" in body, "date_updated" in BOATS.body(tables, boat)) == ("red", False, True)


def test_a_list_holds_what_belongs_to_the_parent_in_the_path(tables: Tables, sail: Thing) -> None:
    """By the parent's SID or unique name, without those of other parents."""
    FLEETS.add(tables, "", "south", {})
    boats = {name: BOATS.list(tables, at("/v1/Fleets/x/Boats", FleetSid=name)).body for name in ("north", "south")}
    assert [one["sid"] for one in boats["north"]["boats"]] == [sail.parent]
    assert (boats["south"]["boats"], boats["south"]["meta"]["key"]) == ([], "boats")


def test_whatever_the_path_does_not_lead_to_is_a_404(tables: Tables, sail: Thing) -> None:
    """A resource under the wrong parent is not found, nor anything under a parent that does not exist."""
    south = FLEETS.add(tables, "", "south", {})
    for fleet in (south.sid, "east"):
        with pytest.raises(Refusal) as raised:
            BOATS.fetch(tables, at("/v1/Fleets/x/Boats/y", FleetSid=fleet, Sid=sail.parent))
        assert (raised.value.status, raised.value.code) == (404, 20404)


def test_a_deletion_takes_along_what_belongs_to_a_resource(tables: Tables, sail: Thing) -> None:
    """Deleting a fleet deletes its boats and their sails."""
    assert FLEETS.delete(tables, at("/v1/Fleets/north", Sid="north")).status == 204
    assert tables.get("sail", sail.sid) is None


def test_a_resource_is_asked_for_at_its_own_addresses() -> None:
    """List and fetch routes are automatic, others are declared; the 2010 API has its own form of path."""
    asked = [(one.method, one.path) for one in SAILS.operations(delete=SAILS.delete)]
    path = "/v1/Fleets/{FleetSid}/Boats/{BoatSid}/Sails"
    assert asked == [("GET", path), ("GET", f"{path}/{{Sid}}"), ("DELETE", f"{path}/{{Sid}}")]
    old = Collection(API_2010, "Rafts", kind="raft", prefix="RA").operations()
    assert [one.path for one in old] == [
        "/2010-04-01/Accounts/{AccountSid}/Rafts.json",
        "/2010-04-01/Accounts/{AccountSid}/Rafts/{Sid}.json",
    ]
