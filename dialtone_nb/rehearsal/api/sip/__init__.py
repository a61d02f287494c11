"""The part of Twilio's API under /SIP: domains, the lists of who may use them, and which lists a domain takes."""
