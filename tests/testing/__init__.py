"""Tests of the rehearsal as a tool for other programs' tests."""
