"""Whether the owner of a Solana address, an Ed25519 key in base58, signed a text."""

from __future__ import annotations

import base64
import binascii

_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_LONGEST = 120


def key_of(address: str) -> bytes | None:
    """The 32 bytes of an address; None for a text that is none."""
    number = 0
    for letter in address:
        if letter not in _VALUES:
            return None
        number = number * 58 + _VALUES[letter]
    zeros = len(address) - len(address.lstrip("1"))
    try:
        found = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    except OverflowError:
        return None
    return found if len(found) == 32 else None


def is_signed(text: str, signature: str, address: str) -> bool:
    """Whether the address's owner signed the text; the signature in base64 or base64url."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key, signed = key_of(address), _decoded(signature)
    if key is None or signed is None or len(signed) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signed, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: str) -> bytes | None:
    if len(text) > _LONGEST:
        return None
    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain.encode("ascii") + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
