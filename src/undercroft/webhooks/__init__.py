"""Webhooks: signed events to others, through the outbox, and a signed inbox for those of others."""
