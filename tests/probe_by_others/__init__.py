"""A second Twilio, which deviates from what is assumed, by somebody who has not seen what looks for deviations."""
