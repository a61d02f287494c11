"""Outputs about phones and calls: what they are, what they did, and what would become of a call."""
