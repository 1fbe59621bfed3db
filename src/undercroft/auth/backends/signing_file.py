"""Signing keys with their states, in a file of the data directory that only its owner can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from undercroft.auth.backends.key_file import open_data_dir
from undercroft.auth.backends.private_file import read_private, write_private
from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.signing_keys import STATES, SigningKey, checked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE = "signing-keys.json"
FORMAT = 1


def load(data_dir: Path) -> tuple[SigningKey, ...]:
    """The keys of this installation, the oldest first; none where there is no such file. Raises `KeyFault`."""
    path = data_dir / FILE
    content = read_private(path)
    if content is None:
        return ()
    damaged = KeyFault(f"{path} is damaged: put back a copy, or remove it to sign with the secret again")
    try:
        stored = json.loads(content)
        listed = [(each["jwk"], each["state"], int(each["since"])) for each in stored["keys"]]
        if stored["format"] != FORMAT or not all(isinstance(jwk, dict) and state in STATES for jwk, state, _ in listed):
            raise damaged
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    return tuple(checked(jwk, state, since, str(path)) for jwk, state, since in listed)


def store(data_dir: Path, keys: Iterable[SigningKey]) -> None:
    """Write them, whole or not at all. Raises `KeyFault`."""
    open_data_dir(data_dir)
    listed = [{"state": key.state, "since": key.since, "jwk": dict(key.jwk)} for key in keys]
    write_private(data_dir / FILE, json.dumps({"format": FORMAT, "keys": listed}, indent=1), replace=True)
