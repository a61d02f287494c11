"""Calls, as the API lists, places and changes them, and what calls leave: queues and recordings."""
