"""The values of this room: the keys of an installation, and a token that was found to be good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from undercroft.access.actor import Actor
    from undercroft.base.secret import Secret


@dataclass(frozen=True, slots=True)
class Keys:
    """What an installation signs with, and the two tokens that its clients start with."""

    signing: Secret
    """The HS256 key."""
    anon: str
    """The publishable key: a token of the anonymous role, good for ten years."""
    service_role: Secret
    """The secret key: a token that passes every policy."""
    fresh: bool = False
    """Whether they were made just now, and so have to be shown once."""

    def revealed(self) -> Mapping[str, str]:
        """Both API keys in the clear, as `undercroft keys --json` prints them."""
        return {"anon": self.anon, "service_role": self.service_role.reveal()}


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature and claims hold now."""

    actor: Actor
    expires: float
    """The last moment it may be believed, leeway included: seconds since 1970, `inf` for a token without `exp`."""


Claims = dict[str, Any]
"""The payload of a token: JSON values by claim name."""
