"""The rehearsal for tests of other programs: a pytest plugin, and what its fixture gives."""
