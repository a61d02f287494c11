"""Serverless assets: the rehearsal has none, so there is nothing but their empty list."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.services import HOST, service_of
from dialtone_nb.rehearsal.operations import Ask, Operation, Reply
from dialtone_nb.rehearsal.paging import list_reply
from dialtone_nb.rehearsal.store import Tables


def list_(tables: Tables, ask: Ask) -> Reply:
    """No assets; to make one is refused as not modelled."""
    service_of(tables, ask)
    return list_reply(ask, "assets", [], dict, str)


OPERATIONS = (Operation(HOST, "GET", "/v1/Services/{ServiceSid}/Assets", list_),)
