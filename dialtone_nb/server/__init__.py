"""The other hosting: our own server answers Twilio, from a folder that `deploy` fills."""
