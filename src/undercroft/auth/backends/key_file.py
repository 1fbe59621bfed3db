"""The keys on disk: one file in the data directory, which only its owner can read, written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import stat
from typing import TYPE_CHECKING

from undercroft.access.actor import ANON, SERVICE_ROLE
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
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


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
        if _open_to_others(folder.stat()):
            if any(folder.iterdir()):
                raise _wide_open(folder, folder.stat(), 0o700) from None
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
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFault(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())  # of what was opened, not of what stands there by now
        if _open_to_others(status):
            raise _wide_open(path, status, 0o600)
        content = file.read()
    return _read(path, content, secret)


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
    """Write a complete file under another name, then give it its own; one that is there stays unless `replace`."""
    stored = {"format": FORMAT, **keys.revealed()}
    if keep_signing:
        stored["jwt_secret"] = keys.signing.reveal()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o600)  # whatever the umask says
            json.dump(stored, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
        _sync(path.parent)
    except FileExistsError:
        return
    except OSError as error:
        raise KeyFault(f"{path} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_to_others(status: os.stat_result) -> bool:
    return os.name == "posix" and bool(status.st_mode & _OTHERS)


def _wide_open(path: Path, status: os.stat_result, wanted: int) -> KeyFault:
    mode = stat.S_IMODE(status.st_mode)
    message = f"{path} can be opened by other users of this machine (mode {mode:04o}), and the keys are in it"
    return KeyFault(message, hint=f"chmod {wanted:o} {path}")
