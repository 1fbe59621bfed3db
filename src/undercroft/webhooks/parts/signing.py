"""Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, and the secrets that make them.

Protocol: the Standard Webhooks specification, "Signature scheme" and "Webhook headers".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence

from undercroft.base.secret import Secret
from undercroft.webhooks.errors import WebhookFault

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret."""


def make_secret(random_bytes: Callable[[int], bytes]) -> Secret:
    """A new secret, `whsec_…`, of 32 random bytes."""
    return Secret(PREFIX + base64.b64encode(random_bytes(32)).decode())


def read_secret(secret: Secret) -> bytes:
    """The key in a `whsec_…` text. Raises `WebhookFault` for what is none; it never shows it."""
    try:
        key = base64.b64decode(secret.reveal().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookFault("a webhook's secret is base64, with whsec_ before it") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise WebhookFault(f"a webhook's secret has {SHORTEST} to {LONGEST} bytes")
    return key


def sign(message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """The header `webhook-signature`: one signature for each key, the newest first."""
    return " ".join("v1," + base64.b64encode(_mac(message_id, timestamp, body, key)).decode() for key in keys)


def matches(message_id: str, timestamp: int, body: bytes, header: str, keys: Sequence[bytes]) -> bool:
    """Whether any signature of a header was made with any of the keys. Every pair is compared, in constant time."""
    given = [signature.partition(",")[2] for signature in header.split(" ") if signature.startswith("v1,")]
    wanted = [base64.b64encode(_mac(message_id, timestamp, body, key)) for key in keys]
    found = False
    for signature in given[:MOST_SIGNATURES]:
        for want in wanted:
            found |= hmac.compare_digest(signature.encode(), want)
    return found


MOST_SIGNATURES = 16
"""Signatures of one header that are looked at."""


def _mac(message_id: str, timestamp: int, body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
