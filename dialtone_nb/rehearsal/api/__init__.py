"""Twilio's REST APIs as far as they are rehearsed: one module per resource, each with the operations it answers."""
