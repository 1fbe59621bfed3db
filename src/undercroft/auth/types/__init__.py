"""The values of this room: the keys of an installation, and a token that was found to be good."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from, as far as one can tell."""

    ip: str = ""
    user_agent: str = ""

    @property
    def network(self) -> str:
        """By what callers are counted: an address, or the /64 of IPv6, which is one household's."""
        try:
            found = ip_address(self.ip)
        except ValueError:
            return self.ip
        if isinstance(found, IPv6Address):
            if found.ipv4_mapped is not None:
                return str(found.ipv4_mapped)
            return str(IPv6Network((found, 64), strict=False).network_address)
        return self.ip


@dataclass(frozen=True, slots=True)
class Granted:
    """Somebody in a session, with all that a token and an answer say of them: rows by column."""

    user: dict[str, Any]
    session: dict[str, Any]
    amr: list[dict[str, Any]]
    identities: list[dict[str, Any]]
    factors: list[dict[str, Any]]
    count: int
    """Refreshes of the session."""


Claims = dict[str, Any]
"""The payload of a token: JSON values by claim name."""
