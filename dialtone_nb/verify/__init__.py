"""Checks of an environment, a module per subject: what was looked at goes in, checks come out; and of placed calls."""
