"""The part of Twilio's API under /SIP: domains, credential lists, IP access control lists, and their mappings."""
