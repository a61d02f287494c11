"""Twilio's REST APIs as far as they are rehearsed, a module per resource.

`collection` says what resources have in common; each module says what is particular to one, and ends in the operations
that it answers; `all_operations` gathers them.
"""
