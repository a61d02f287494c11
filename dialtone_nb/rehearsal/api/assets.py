"""Serverless assets: files of any kind, served as they are; what was uploaded can't be read back here."""

from __future__ import annotations

from dialtone_nb.rehearsal.api.versioned import MEGABYTE, Versioned

ASSETS = Versioned("asset", largest=25 * MEGABYTE)
OPERATIONS = ASSETS.operations()
