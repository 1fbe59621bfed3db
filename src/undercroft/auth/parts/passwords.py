"""Stored passwords: which kind one is, and whether another text is the same. Slow on purpose: see `backends/hashing`.

New ones are argon2id with 19 MiB, two passes, one lane (OWASP's password storage sheet). Others are taken over, and
replaced when their owner comes.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from undercroft.auth.parts import foreign_passwords

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LONGEST = 1024
"""Bytes of a password, at most: beyond, nobody types it, and hashing it would be work for nothing."""
_LONGEST_STORED = 1024
_BCRYPT_BYTES = 72
_BCRYPT = ("$2a$", "$2b$", "$2y$")


@cache
def _argon2() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hashed(password: str) -> str:
    """A password as it is stored."""
    return _argon2().hash(password)


def matches(stored: str, password: str) -> bool:
    """Whether a password is the stored one; of a kind that is not known, never."""
    stored, given = _unwrapped(stored, password.encode())
    if stored.startswith("$argon2"):
        return _matches_argon2(stored, given)
    if stored.startswith(_BCRYPT):
        return _matches_bcrypt(stored, given)
    return stored.startswith(foreign_passwords.BEGINNINGS) and foreign_passwords.matches(stored, given)


def is_known(stored: str) -> bool:
    """Whether it is of a kind that can be compared, at a cost that a server can bear."""
    if len(stored) > _LONGEST_STORED or not stored.isascii():
        return False
    if stored.startswith(foreign_passwords.BEGINNINGS):
        return foreign_passwords.is_sound(stored)
    stored, _ = _unwrapped(stored, b"")
    if stored.startswith("$argon2"):
        return _is_bearable_argon2(stored)
    return stored.startswith(_BCRYPT) and len(stored) == 60 and stored[4:6].isdigit() and 4 <= int(stored[4:6]) <= 16


def _unwrapped(stored: str, password: bytes) -> tuple[str, bytes]:
    """What Django puts around the hashes of others: a name, and for bcrypt a digest of the password."""
    for name in ("argon2$", "bcrypt$"):
        if stored.startswith(name):
            return "$" + stored.removeprefix(name).removeprefix("$"), password
    if stored.startswith("bcrypt_sha256$$"):
        return stored.removeprefix("bcrypt_sha256$"), hashlib.sha256(password).hexdigest().encode()
    return stored, password


def is_outdated(stored: str) -> bool:
    """Whether it is to be hashed anew, now that its text is here."""
    return not stored.startswith("$argon2id$") or _argon2().check_needs_rehash(stored)


def _matches_argon2(stored: str, password: bytes) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _argon2().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _is_bearable_argon2(stored: str) -> bool:
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        given = extract_parameters(stored)
    except (InvalidHashError, ValueError):
        return False
    return given.memory_cost <= 256 * 1024 and given.time_cost <= 20 and given.parallelism <= 16


def _matches_bcrypt(stored: str, password: bytes) -> bool:
    import bcrypt

    try:
        # What made it has looked at so many bytes and no more.
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], stored.encode())
    except ValueError:
        return False


def weaknesses(password: str, *, shortest: int, requirements: str) -> list[str]:
    """Why a password is not taken: `length`, `characters`; empty for one that is."""
    found = []
    if len(password) < shortest:
        found.append("length")
    if any(not set(kind) & set(password) for kind in _KINDS[requirements]):
        found.append("characters")
    return found


_LOWER, _UPPER, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_SYMBOLS = "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~"
_KINDS = {
    "": (),
    "letters_digits": (_LOWER + _UPPER, _DIGITS),
    "lower_upper_letters_digits": (_LOWER, _UPPER, _DIGITS),
    "lower_upper_letters_digits_symbols": (_LOWER, _UPPER, _DIGITS, _SYMBOLS),
}


def told_weaknesses(reasons: list[str], *, shortest: int, requirements: str) -> str:
    """The reasons in words."""
    words = {
        "length": f"Password should be at least {shortest} characters.",
        "characters": "Password should contain at least one character of each: "
        + ", ".join(_KINDS[requirements])
        + ".",
        "pwned": "Password is known to be weak and easy to guess, please choose a different one.",
    }
    return " ".join(words[reason] for reason in reasons)
