"""The SIP door: telephones that other people built register to the rehearsal and call through it."""
