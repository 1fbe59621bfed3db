"""Webhooks: signed events to others, through the outbox, and a signed inbox for those of others."""

from undercroft.webhooks.errors import SignatureFault
from undercroft.webhooks.parts.verifiers import github, standard_webhooks, stripe
from undercroft.webhooks.types import AttemptRecord, Delivery, Endpoint, Incoming, Verified, WebhookEvent

__all__ = [
    "AttemptRecord",
    "Delivery",
    "Endpoint",
    "Incoming",
    "SignatureFault",
    "Verified",
    "WebhookEvent",
    "github",
    "standard_webhooks",
    "stripe",
]
