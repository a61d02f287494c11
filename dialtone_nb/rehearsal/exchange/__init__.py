"""The exchange: who may call, what rings, how long; it carries TwiML out and knows nothing of HTTP but webhooks."""
