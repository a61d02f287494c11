"""How phones and numbers behave from now on, where somebody said so."""

from __future__ import annotations

from dialtone_nb.rehearsal.exchange.simulated_behaviour import FarSide, far_side_body, read_far_side
from dialtone_nb.rehearsal.state.store import Tables
from dialtone_nb.values.sip import global_domain, parse_sip_uri

KIND = "far_side"


def far_side_key(address: str) -> str:
    """What a far side is kept under: a number as it is, of a SIP URI its user and host."""
    if not address.startswith(("sip:", "sips:")):
        return address
    user, host = parse_sip_uri(address)
    return f"{user}@{global_domain(host)}"


def set_far_side(tables: Tables, address: str, far_side: FarSide) -> None:
    """Have whoever is at an address behave so from now on; as usual, where there is nothing unusual about it."""
    key, body = far_side_key(address), {"behaviour": far_side_body(far_side)}
    kept = tables.find(KIND, "", key)
    if kept and not body["behaviour"]:
        tables.remove(kept.sid)
    elif kept:
        tables.save(kept, body)
    elif body["behaviour"]:
        tables.add("FS", KIND, "", key, body)


def far_side_of(tables: Tables, address: str) -> FarSide | None:
    """How whoever is at an address behaves; None where nobody said."""
    kept = tables.find(KIND, "", far_side_key(address))
    return read_far_side(kept.body["behaviour"]) if kept else None
