"""Calls to other machines: `Client`, which a worker has one of, and `Http`, which an app's code is handed."""

from undercroft.outgoing.service.client import Client, Options
from undercroft.outgoing.service.http import Http
from undercroft.outgoing.service.streamed import Streamed

__all__ = ["Client", "Http", "Options", "Streamed"]
