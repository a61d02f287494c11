"""The dial plan: dialplan.yaml -> compile -> table; a call -> decide -> decision -> TwiML."""
