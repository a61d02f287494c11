"""Twilio's REST APIs as far as they are rehearsed, a module per resource.

`collection` has what all resources have in common. Each other module has what is particular to one resource, and ends
in the operations that it answers; `all_operations` gathers them.
"""
