"""Calls to other machines: with limits, retries, a circuit breaker, and never to an address inside."""

from undercroft.models.calls import CallOptions, Headers, Reply
from undercroft.outgoing.errors import OutgoingFault, Refused
from undercroft.outgoing.service import Client, Http, Options, Streamed
from undercroft.outgoing.settings import OutgoingSettings, read_inside
from undercroft.outgoing.types import Resolver

__all__ = [
    "CallOptions",
    "Client",
    "Headers",
    "Http",
    "Options",
    "OutgoingFault",
    "OutgoingSettings",
    "Refused",
    "Reply",
    "Resolver",
    "Streamed",
    "read_inside",
]
