"""HMAC-SHA256 (RFC 2104) with keys that are used again and again: what a key comes to is worked out once."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache


def keyed(key: bytes, message: bytes) -> bytes:
    """The code of a message, 32 bytes."""
    made = _begun(key).copy()
    made.update(message)
    return made.digest()


@lru_cache(16)
def _begun(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod=hashlib.sha256)
