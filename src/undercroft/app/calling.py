"""Calls to other machines, wired: one client for the whole process."""

from __future__ import annotations

from typing import Any

from undercroft.base.clock import Clock
from undercroft.base.settings import Settings
from undercroft.outgoing import Client, OutgoingSettings, read_inside


def client_of(settings: Settings, clock: Clock, log: Any) -> Client:
    """The client of a process. Raises `SetupFault` for machines inside that cannot be read."""
    return Client(outgoing_settings(settings), clock, log)


def outgoing_settings(settings: Settings) -> OutgoingSettings:
    """What calls are allowed."""
    given = settings.outgoing
    return OutgoingSettings(
        allow=read_inside(given.allow),
        ports=frozenset(given.ports),
        timeout=given.timeout,
        connect_timeout=given.connect_timeout,
        read_timeout=given.read_timeout,
        answer_limit=given.answer_limit,
        connections=given.connections,
        attempts=given.attempts,
        redirects=given.redirects,
        breaker_failures=given.breaker_failures,
        breaker_pause=given.breaker_pause,
        ca_path=given.ca_path,
    )
