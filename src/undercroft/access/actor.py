"""Who is asking: what every request is reduced to before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

ANON = "anon"
AUTHENTICATED = "authenticated"
SERVICE_ROLE = "service_role"

NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Actor:
    """The role, the user's id (text, as in the token's `sub`) and the verified claims of one caller."""

    role: str = ANON
    uid: str | None = None
    claims: Mapping[str, Any] = field(default_factory=lambda: NO_CLAIMS, hash=False, compare=False)
    converted: dict[object, object] = field(default_factory=dict, repr=False, hash=False, compare=False)
    """Claims as the database's driver takes them, by kind of parameter: one actor makes many requests."""


ANONYMOUS = Actor()
SERVICE = Actor(role=SERVICE_ROLE)
