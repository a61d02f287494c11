"""Checks of the account beyond one environment: its key, permissions and alerts, and what Twilio itself changes."""
