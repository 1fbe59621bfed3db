"""Whose events are believed: ready verifiers for Standard Webhooks, Stripe and GitHub.

A signature is checked over the bytes as they came, in constant time, before anything is read of them. Each takes
several secrets, for the time in which one takes another's place.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import SHORTEST_SHARED, Secret
from undercroft.webhooks.errors import SignatureFault, WebhookFault, no_secret, unreadable_event
from undercroft.webhooks.parts.signing import MOST_SIGNATURES, matches, read_secret
from undercroft.webhooks.types import Incoming, Secrets, Verified

Check = Callable[[Incoming, tuple[bytes, ...]], Verified]
_MOMENT = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A scheme, and the secrets that it is to know."""

    check: Check
    read: Callable[[Secret], bytes]
    secrets: tuple[str | Secret, ...]

    def bound(self, known: Secrets, source: str) -> Callable[[Incoming], Verified]:
        """The same with its secrets at hand. Raises `SetupFault` for a name that `[webhooks.secrets]` does not have,
        and for a secret that is empty, too short or none of the scheme."""
        try:
            keys = tuple(self.read(self._found(each, known, source)) for each in self.secrets)
        except WebhookFault as fault:
            raise SetupFault(f"{source}: {fault.message}") from None
        return lambda incoming: self.check(incoming, keys)

    def _found(self, each: str | Secret, known: Secrets, source: str) -> Secret:
        if isinstance(each, Secret):
            return each
        if each not in known:
            raise no_secret(each, source)
        return known[each]


def standard_webhooks(*secrets: str | Secret) -> Verifier:
    """Events signed as the Standard Webhooks specification says; the secrets are names in `[webhooks.secrets]`."""
    return Verifier(_standard, read_secret, secrets)


def stripe(*secrets: str | Secret) -> Verifier:
    """Stripe's events (`Stripe-Signature`, scheme v1); the secrets are names in `[webhooks.secrets]`."""
    return Verifier(_stripe, _read_text, secrets)


def github(*secrets: str | Secret) -> Verifier:
    """GitHub's events (`X-Hub-Signature-256`); the secrets are names in `[webhooks.secrets]`.

    GitHub signs the body and nothing else: no time, no id. An event is known again by its body, so that one that
    somebody has caught cannot be sent once more under another id, and that it was here is never forgotten.
    """
    return Verifier(_github, _read_text, secrets)


def _read_text(secret: Secret) -> bytes:
    """The key in a secret that is its own bytes. With an empty one anybody could sign. Raises `WebhookFault`."""
    key = secret.reveal_bytes()
    if len(key.strip()) < SHORTEST_SHARED:
        raise WebhookFault(f"a sender's secret has at least {SHORTEST_SHARED} bytes")
    return key


def _standard(incoming: Incoming, keys: tuple[bytes, ...]) -> Verified:
    message_id, signature = _header(incoming, "webhook-id"), _header(incoming, "webhook-signature")
    timestamp = _timely(_header(incoming, "webhook-timestamp"), incoming)
    if "." in message_id:  # the parts are joined by dots: where one ends would be anybody's choice
        raise SignatureFault("a dot in its webhook-id")
    if not matches(message_id, timestamp, incoming.body, signature, keys):
        raise SignatureFault("no signature fits")
    return Verified(message_id, _type_of(incoming.body))


def _stripe(incoming: Incoming, keys: tuple[bytes, ...]) -> Verified:
    """Protocol: Stripe's "Verify webhook signatures manually"."""
    parts = [part.strip().partition("=") for part in _header(incoming, "stripe-signature").split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(moments) != 1:
        raise SignatureFault("no timestamp")
    timestamp = _timely(moments[0], incoming)
    if not _any_equal(given, b"%d." % timestamp + incoming.body, keys):
        raise SignatureFault("no signature fits")
    event = _object(incoming.body)
    event_id, kind = event.get("id"), event.get("type")
    if not isinstance(event_id, str) or not isinstance(kind, str) or not event_id:
        raise unreadable_event("it has no id or no type")
    return Verified(event_id, kind)


def _github(incoming: Incoming, keys: tuple[bytes, ...]) -> Verified:
    """Protocol: GitHub's "Validating webhook deliveries"."""
    scheme, _, given = _header(incoming, "x-hub-signature-256").partition("=")
    if scheme != "sha256" or not _any_equal([given], incoming.body, keys):
        raise SignatureFault("no signature fits")
    known_by = "sha256:" + hashlib.sha256(incoming.body).hexdigest()
    delivery, kind = _header(incoming, "x-github-delivery"), _header(incoming, "x-github-event")
    return Verified(delivery, kind, known_by, timeless=True)


def _any_equal(given: list[str], signed: bytes, keys: tuple[bytes, ...]) -> bool:
    """Whether any hexadecimal signature fits any key; every pair is compared, in constant time."""
    wanted = [hmac.digest(key, signed, hashlib.sha256).hex().encode() for key in keys]
    found = False
    for signature in given[:MOST_SIGNATURES]:
        for want in wanted:
            found |= hmac.compare_digest(signature.encode(), want)
    return found


def _header(incoming: Incoming, name: str) -> str:
    value = incoming.headers.get(name)
    if not value or len(value) > 4096:
        raise SignatureFault(f"no {name}")
    return value


def _timely(text: str, incoming: Incoming) -> int:
    """A timestamp within the tolerance, as it was signed. Raises `SignatureFault`."""
    if not _MOMENT.fullmatch(text) or (len(text) > 1 and text[0] == "0"):
        raise SignatureFault("no timestamp")
    if abs(incoming.now - int(text)) > incoming.tolerance:
        raise SignatureFault("too old, or from the future")
    return int(text)


def _object(body: bytes) -> Mapping[str, Any]:
    event = _json(body)
    if not isinstance(event, dict):
        raise unreadable_event("it is no JSON object")
    return event


def _type_of(body: bytes) -> str:
    """The type in the body, where it is as the specification proposes; a type is not needed."""
    try:
        event = _json(body)
    except Fault:
        return ""
    found = event.get("type") if isinstance(event, dict) else None
    return found if isinstance(found, str) else ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise unreadable_event("it is not JSON") from None
