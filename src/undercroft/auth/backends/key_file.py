"""The keys on disk: one file in the data directory, which only its owner can read, written whole or not at all."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from undercroft.access.actor import ANON, SERVICE_ROLE
from undercroft.auth.backends.private_file import open_to_others, read_private, wide_open, write_private
from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.signing import sign, signed_with, weakness
from undercroft.auth.types import Keys
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.base.clock import Clock

FILE = "keys.json"
FILE_FOR_CONFIGURED = "keys-of-configured-secret.json"
FORMAT = 1
TEN_YEARS = 10 * 365 * 24 * 3600


def open_data_dir(folder: Path) -> None:
    """Make the data directory, 0700, or check the one that is there. Raises `KeyFault` when others can look into it.

    An empty directory of one's own is closed to others; one with content is never changed, only refused.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=False)
        folder.chmod(0o700)  # whatever the umask says
    except FileExistsError:
        if not folder.is_dir():
            raise KeyFault(f"the data directory {folder} is a file") from None
        if open_to_others(folder.stat()):
            if any(folder.iterdir()):
                raise wide_open(folder, folder.stat(), 0o700) from None
            folder.chmod(0o700)
    except OSError as error:
        raise KeyFault(f"the data directory {folder} cannot be made: {error.strerror}") from None


def load_or_create(data_dir: Path, clock: Clock, *, secret: Secret | None = None, issuer: str = "undercroft") -> Keys:
    """The keys of this installation, made at its first start.

    With `secret` (from the settings, already judged) a file of its own holds the two API keys signed with it; they are
    made anew when the secret changes. Processes that start together agree on one set. Raises `KeyFault`.
    """
    open_data_dir(data_dir)
    path = data_dir / (FILE if secret is None else FILE_FOR_CONFIGURED)
    kept = _load(path, secret)
    if kept is not None:
        return kept
    made = _made(clock, secret, issuer)
    _write(path, made, keep_signing=secret is None, replace=secret is not None)
    # Another process may have been first: what is on disk is what counts.
    kept = _load(path, secret)
    if kept is None:
        raise KeyFault(f"{path} changed while it was being made; start again")
    return made if kept.anon == made.anon and kept.signing == made.signing else kept


def rotate(data_dir: Path, clock: Clock, *, issuer: str = "undercroft") -> Keys:
    """New keys in place of the old: every token signed so far dies with the server's next look at them."""
    open_data_dir(data_dir)
    made = _made(clock, None, issuer)
    _write(data_dir / FILE, made, keep_signing=True, replace=True)
    return made


def _made(clock: Clock, secret: Secret | None, issuer: str) -> Keys:
    signing = secret or Secret(secrets.token_urlsafe(48))
    # No `iat`: a machine whose clock was ahead at first start would refuse its own keys as issued in the future.
    expires = int(clock.timestamp()) + TEN_YEARS
    anon, service = (sign({"iss": issuer, "role": role, "exp": expires}, signing) for role in (ANON, SERVICE_ROLE))
    return Keys(signing, anon, Secret(service), fresh=True)


def _load(path: Path, secret: Secret | None) -> Keys | None:
    """The keys in the file; None when there is none, or when they were signed with another configured secret."""
    content = read_private(path)
    return None if content is None else _read(path, content, secret)


def _read(path: Path, content: bytes, secret: Secret | None) -> Keys | None:
    damaged = KeyFault(f"{path} is damaged: put back a copy, or remove it to get new keys")
    try:
        stored = json.loads(content)
        texts = [stored["anon"], stored["service_role"], *([stored["jwt_secret"]] if secret is None else [])]
        if stored["format"] != FORMAT or not all(isinstance(text, str) for text in texts):
            raise damaged
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    anon, service = texts[:2]
    signing = secret or Secret(texts[2])
    if reason := weakness(signing) if secret is None else None:
        raise KeyFault(f"the signing secret in {path} must not be used: {reason}")
    if not signed_with(signing, anon, service):
        if secret is None:
            raise damaged
        return None
    return Keys(signing, anon, Secret(service))


def _write(path: Path, keys: Keys, *, keep_signing: bool, replace: bool) -> None:
    stored = {"format": FORMAT, **keys.revealed()}
    if keep_signing:
        stored["jwt_secret"] = keys.signing.reveal()
    write_private(path, json.dumps(stored, indent=1), replace=replace)
