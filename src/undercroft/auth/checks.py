"""What the start may find about keys: for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from undercroft.auth.parts.signing import weakness
from undercroft.base.findings import Finding

if TYPE_CHECKING:
    from undercroft.auth.types import Keys
    from undercroft.base.settings import Settings

LONG_LIVED = 86_400
"""Seconds past which a token lives too long to be waited out when it is stolen."""


def check_keys(keys: Keys, settings: Settings) -> Iterator[Finding]:
    """UC104: a signing secret that somebody could guess or has read. It is never part of the finding."""
    if reason := weakness(keys.signing):
        yield Finding(
            "UC104",
            "error",
            "[auth] jwt_secret",
            f"the signing secret is weak: {reason}",
            "Take one that `openssl rand -base64 48` prints, or leave the setting out and have one made.",
        )
    if settings.auth.jwt_expiry > LONG_LIVED:
        yield Finding(
            "UC105",
            "note",
            "[auth] jwt_expiry",
            f"a token is good for {settings.auth.jwt_expiry // 3600} hours: whoever else verifies it believes it as "
            "long, and we until its session ends",
            "Let it be an hour or so.",
        )
