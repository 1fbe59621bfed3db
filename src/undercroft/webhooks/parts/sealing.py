"""Secrets as they are stored: AES-256-GCM under a key that is not in the database, bound to what they are for."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from undercroft.base.secret import Secret
from undercroft.webhooks.errors import SealFault

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = "v1."
_NONCE = 12
_ID = 4
"""Bytes that say which key it was, so that another one is told from damage."""


@dataclass(frozen=True, slots=True)
class _Keys:
    cipher: AESGCM
    id: bytes


class Sealer:
    """Seals and opens. The key is fetched at the first use: an app without endpoints needs none."""

    def __init__(self, key: Callable[[], Secret], random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        """`key` gives what the key is derived from, at least 32 bytes; it may read a file."""
        self._fetch = key
        self._random = random_bytes
        self._made: _Keys | None = None

    def seal(self, secret: Secret, purpose: str) -> str:
        """A secret as text to be stored; only with the same `purpose` it can be opened."""
        keys = self._keys()
        nonce = self._random(_NONCE)
        sealed = keys.cipher.encrypt(nonce, secret.reveal_bytes(), purpose.encode())
        return VERSION + base64.b64encode(keys.id + nonce + sealed).decode()

    def open(self, text: str, purpose: str) -> Secret:
        """The secret in a stored text. Raises `SealFault` where it was sealed with another key, or was changed."""
        from cryptography.exceptions import InvalidTag

        keys = self._keys()
        try:
            raw = base64.b64decode(text.removeprefix(VERSION), validate=True)
        except ValueError:
            raise _broken() from None
        if not text.startswith(VERSION) or len(raw) < _ID + _NONCE:
            raise _broken()
        if raw[:_ID] != keys.id:
            raise SealFault(
                "a stored secret was sealed with another key",
                hint="Give the key that this database's installation had, as [webhooks] encryption_key.",
            )
        try:
            return Secret(keys.cipher.decrypt(raw[_ID : _ID + _NONCE], raw[_ID + _NONCE :], purpose.encode()))
        except InvalidTag:
            raise _broken() from None

    def _keys(self) -> _Keys:
        if self._made is None:
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            derive = HKDF(algorithm=hashes.SHA256(), length=32 + _ID, salt=None, info=b"undercroft webhooks v1")
            derived = derive.derive(self._fetch().reveal_bytes())
            self._made = _Keys(AESGCM(derived[:32]), derived[32:])
        return self._made


def _broken() -> SealFault:
    return SealFault("a stored secret is damaged, or was written for something else")
