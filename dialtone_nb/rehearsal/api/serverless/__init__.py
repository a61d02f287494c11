"""Twilio Serverless: services, their functions, assets and builds, and the environments that builds are deployed to."""
