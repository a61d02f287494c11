"""The dial plan: dialplan.yaml -> compile -> table; call -> decide -> decision -> TwiML."""
