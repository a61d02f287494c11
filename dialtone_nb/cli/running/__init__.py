"""A runbook that is run from the terminal: its kernel, what is told as it goes, and what it leaves behind."""
