"""The rehearsal: a stand-in for Twilio on this machine, without account or cost, that never leaves loopback."""

from __future__ import annotations

from dialtone_nb.rehearsal.server import Rehearsal, start_rehearsal

__all__ = ["Rehearsal", "start_rehearsal"]
