"""Calls: fetch -> archive -> frame -> metrics -> figures; what a call report is made of.

Nothing is imported here, so that a runbook that draws nothing does not wait for pandas and plotly.
"""
