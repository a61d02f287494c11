"""The rehearsal for tests of other programs."""
