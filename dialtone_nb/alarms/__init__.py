"""Alarms: rules, what they find, the book of alarms, and the channels that carry messages."""
