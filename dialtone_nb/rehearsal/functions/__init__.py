"""Deployed functions, running: the uploaded bytes on Node, behind Twilio's rules for visibility and signatures."""
