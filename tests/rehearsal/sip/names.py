"""User names of the tests' phones."""

from __future__ import annotations

DOMAIN, OTHER_DOMAIN, SHUT_DOMAIN = "demo.sip.twilio.com", "other.sip.twilio.com", "shut.sip.twilio.com"
CALLER_ID = "+15035550100"
PASSWORD = "Abcdefghijk1"
TRUNK_USER, TRUNK_PASSWORD = "dialtone", "Trunkpassword1"
