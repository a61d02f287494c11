"""The SIP door: targets that other people built register to the rehearsal and call through it."""
