"""Refresh tokens: the session's id, how many refreshes it had, and a signature of both.

A session stores its own key and the count. The token after a given one can be told without storing any: the same
parent always has the same child, in every process. To sign one takes the session's key and one that is not in the
database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple
from uuid import UUID

from undercroft.base.secret import Secret

_VERSION = 1
_SIGNATURE = 24


class Presented(NamedTuple):
    """A token that somebody showed; not believed yet."""

    session_id: str
    refreshes: int
    signature: bytes


def refresh_token(key: Secret, session_id: str, session_key: str, count: int) -> str:
    """The token of a session after so many refreshes."""
    head = bytes([_VERSION]) + UUID(session_id).bytes + count.to_bytes(7, "big")
    return base64.urlsafe_b64encode(head + _signature(key, session_key, head)).decode()


def read_refresh_token(text: str) -> Presented | None:
    """What a token says; None for a text that is none."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 24 + _SIGNATURE or raw[0] != _VERSION:
        return None
    return Presented(str(UUID(bytes=raw[1:17])), int.from_bytes(raw[17:24], "big"), raw[24:])


def is_signed(presented: Presented, key: Secret, session_key: str) -> bool:
    """Whether we made it."""
    head = bytes([_VERSION]) + UUID(presented.session_id).bytes + presented.refreshes.to_bytes(7, "big")
    return hmac.compare_digest(presented.signature, _signature(key, session_key, head))


def _signature(key: Secret, session_key: str, head: bytes) -> bytes:
    own = hmac.new(key.reveal_bytes(), session_key.encode(), hashlib.sha256).digest()
    return hmac.new(own, head, hashlib.sha256).digest()[:_SIGNATURE]
