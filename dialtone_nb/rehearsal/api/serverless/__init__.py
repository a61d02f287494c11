"""Twilio Serverless: services, what is uploaded and built in them, and the environments that it is deployed to."""
