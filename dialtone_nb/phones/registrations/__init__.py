"""Whether phones are registered, as their own syslog tells: lines -> listener -> store -> intervals.

Twilio has no resource, event or webhook for registrations. The phones know, and an ATA or desk phone can be told to log
what it knows to a machine on its own network.
"""
