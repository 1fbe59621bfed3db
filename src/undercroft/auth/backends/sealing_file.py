"""The key under which secrets are stored in the database: a file of its own, so that a copy of the database opens none,
and new signing keys close none."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from undercroft.auth.backends.key_file import open_data_dir
from undercroft.auth.backends.private_file import read_private, write_private
from undercroft.auth.errors import KeyFault
from undercroft.base.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

FILE = "sealing.key"
_BYTES = 48


def load_or_create_sealing_key(data_dir: Path) -> Secret:
    """The key of this installation, made when it is first asked for. Processes that start together agree on one.

    Raises `KeyFault`.
    """
    open_data_dir(data_dir)
    path = data_dir / FILE
    kept = read_private(path)
    if kept is None:
        write_private(path, secrets.token_urlsafe(_BYTES), replace=False)
        kept = read_private(path)  # another process may have been first: what is on disk is what counts
    if kept is None or len(kept.strip()) < _BYTES:
        raise KeyFault(f"{path} is damaged: put back a copy; without it the secrets in the database cannot be opened")
    return Secret(kept.strip())
