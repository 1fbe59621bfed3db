"""Passwords that everybody tries first: whether one is on a list, without asking anybody.

The list that comes with the house has the 100,000 most used of published leaks, and more (`scripts/common-passwords`
says from where, and under which licences). Another may be named: a file in the form in which Have I Been Pwned gives
its own, a line `SHA1:count` for each, sorted by the hash (https://haveibeenpwned.com/Passwords). It is searched where
it lies.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from undercroft.base.faults import SetupFault

Breached = Callable[[str], bool]
COMMON = "common"
_SHORT = 5
"""Bytes of a digest in our own list: of a million other passwords, none is taken for one of these."""
_HEX = 40
_LINE = 64
"""Bytes of a line of such a file, at most."""


def breached_by(setting: str) -> Breached:
    """The look-up that a setting names: `common`, a file, or nothing for none. Raises `SetupFault`."""
    if not setting:
        return lambda _: False
    if setting == COMMON:
        return is_common
    path = Path(setting)
    try:
        with path.open("rb") as file:
            head = file.read(_HEX)
    except OSError as error:
        raise SetupFault(f"[auth] breached_passwords {path} cannot be read: {error.strerror}") from None
    if len(head) < _HEX or not _is_hash(head):
        raise SetupFault(
            f"[auth] breached_passwords {path} is no list of SHA-1 hashes",
            hint="One line SHA1:count each, sorted, as the downloader of Have I Been Pwned writes it.",
        )
    return lambda password: _is_in(path, password)


def is_common(password: str) -> bool:
    """Whether it is on our own list, in any case of its letters."""
    wanted = digest(password.lower())[:_SHORT]
    listed = _listed()
    low, high = 0, len(listed) // _SHORT
    while low < high:
        middle = (low + high) // 2
        found = listed[middle * _SHORT : (middle + 1) * _SHORT]
        if found == wanted:
            return True
        low, high = (middle + 1, high) if found < wanted else (low, middle)
    return False


@cache
def _listed() -> bytes:
    return Path(__file__).with_name("common_passwords.bin").read_bytes()


def _is_in(path: Path, password: str) -> bool:
    """Whether its hash begins a line of a sorted file: halved until one line is left."""
    wanted = digest(password).hex().upper().encode()
    with path.open("rb") as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while low < high:
            middle = (low + high) // 2
            file.seek(max(0, middle - 1))
            if middle:
                file.readline(_LINE)  # to the beginning of a line
            found = file.readline(_LINE)[:_HEX].upper()
            if found == wanted:
                return True
            low, high = (middle + 1, high) if found and found < wanted else (low, middle)
    return False


def digest(password: str) -> bytes:
    """What it is known by."""
    return hashlib.sha1(password.encode(), usedforsecurity=False).digest()


def _is_hash(text: bytes) -> bool:
    try:
        return len(bytes.fromhex(text.decode("ascii"))) == _HEX // 2
    except ValueError:
        return False
