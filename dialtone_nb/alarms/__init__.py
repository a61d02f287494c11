"""Somebody is told: rules, what they find, the book of alarms, and the channels that carry them."""
