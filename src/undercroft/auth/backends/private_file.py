"""Files that only their owner can read: read with a look at who else could, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

from undercroft.auth.errors import KeyFault

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_private(path: Path) -> bytes | None:
    """What is in the file; None when there is none. Raises `KeyFault` where others can open it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFault(f"{path} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())  # of what was opened, not of what stands there by now
        if open_to_others(status):
            raise wide_open(path, status, 0o600)
        return file.read()


def write_private(path: Path, text: str, *, replace: bool) -> None:
    """Write a complete file under another name, then give it its own; one that is there stays unless `replace`.

    Raises `KeyFault`.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o600)  # whatever the umask says
            file.write(text)
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


def open_to_others(status: os.stat_result) -> bool:
    """Whether other users of the machine may open it."""
    return os.name == "posix" and bool(status.st_mode & _OTHERS)


def wide_open(path: Path, status: os.stat_result, wanted: int) -> KeyFault:
    """What to say of a file or folder of keys that others can open."""
    mode = stat.S_IMODE(status.st_mode)
    message = f"{path} can be opened by other users of this machine (mode {mode:04o}), and the keys are in it"
    return KeyFault(message, hint=f"chmod {wanted:o} {path}")


def _sync(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
