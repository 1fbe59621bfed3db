"""Refresh tokens: the session's id, how many refreshes it had, and a signature of both.

A session stores its own key and the count. The token after a given one can be told without storing any: the same
parent always has the same child, in every process. To sign one takes the session's key and one that is not in the
database.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import NamedTuple

from undercroft.auth.parts.keyed import keyed
from undercroft.base.secret import Secret

_VERSION = b"\x01"
_HEAD = 24
_SIGNATURE = 24
_KIND = b"refresh\x00"
"""What else is signed with the same key begins otherwise: see `codes`."""


class Presented(NamedTuple):
    """A token that somebody showed; not believed yet."""

    session_id: str
    refreshes: int
    head: bytes
    signature: bytes


def refresh_token(key: Secret, session_id: str, session_key: str, count: int) -> str:
    """The token of a session after so many refreshes."""
    head = _VERSION + bytes.fromhex(session_id.replace("-", "")) + count.to_bytes(7, "big")
    return base64.urlsafe_b64encode(head + _signature(key, session_key, head)).decode()


def read_refresh_token(text: str) -> Presented | None:
    """What a token says; None for a text that is none."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _HEAD + _SIGNATURE or raw[:1] != _VERSION:
        return None
    digits = raw[1:17].hex()
    session_id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return Presented(session_id, int.from_bytes(raw[17:_HEAD], "big"), raw[:_HEAD], raw[_HEAD:])


def is_signed(presented: Presented, key: Secret, session_key: str) -> bool:
    """Whether we made it."""
    return hmac.compare_digest(presented.signature, _signature(key, session_key, presented.head))


def _signature(key: Secret, session_key: str, head: bytes) -> bytes:
    # The head is always as long, so that nothing of it can be taken for the end of the session's key.
    return keyed(key.reveal_bytes(), _KIND + session_key.encode() + head)[:_SIGNATURE]
