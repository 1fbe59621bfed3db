"""Codes and links that are sent to people, and what is stored of them.

A mail holds a code of six digits and a link with a long token. The token is made of the code, the address and the kind
of mail, with a key that is not in the database; stored is the token's hash. So either of both finds the row, and who
reads the database has neither.
"""

from __future__ import annotations

import hashlib
import secrets

from undercroft.auth.parts.keyed import keyed
from undercroft.base.secret import Secret


def new_code(digits: int) -> str:
    """A code of so many digits, each as likely as any other."""
    return "".join(secrets.choice("0123456789") for _ in range(digits))


def token_of(key: Secret, kind: str, relates_to: str, code: str) -> str:
    """The token of a link: 56 hex digits, as long as GoTrue's."""
    message = f"{kind}\x00{relates_to}\x00{code}".encode()
    return keyed(key.reveal_bytes(), message).hex()[:56]


def stored_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_secret() -> str:
    """An unguessable text: 256 bits, base64url."""
    return secrets.token_urlsafe(32)
