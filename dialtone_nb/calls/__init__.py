"""Calls: fetch -> archive -> frame -> measures -> figures, which make up a call report.

This module imports nothing, so that runbooks without figures need not wait for pandas and plotly.
"""
