"""Scopes: what an app may know of somebody who let it in (OpenID Connect Core, 5.4).

They say nothing of data: an app reads and writes what the policies let its user read and write, and these may ask for
`auth.claim("client_id")`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

SCOPES = ("openid", "profile", "email", "phone")
DEFAULT = ("email",)
"""Where none is named, as Supabase has it."""

CLAIMS = (
    "sub", "name", "nickname", "preferred_username", "picture", "website", "locale", "zoneinfo", "updated_at", "email",
    "email_verified", "phone_number", "phone_number_verified",
)  # fmt: skip
"""What `about` may tell."""

_PROFILE = {
    "name": ("name", "full_name"),
    "nickname": ("nickname",),
    "preferred_username": ("preferred_username", "user_name"),
    "picture": ("picture", "avatar_url"),
    "website": ("website",),
    "locale": ("locale",),
    "zoneinfo": ("zoneinfo",),
}
"""Claims of a profile, and by which names user metadata hold them."""


def read_scopes(text: str) -> tuple[str, ...] | None:
    """The scopes of a request in our order; None where one is unknown."""
    asked = set(text.split())
    if not asked:
        return DEFAULT
    return tuple(scope for scope in SCOPES if scope in asked) if asked <= set(SCOPES) else None


def about(user: Mapping[str, Any], scopes: Collection[str]) -> dict[str, Any]:
    """What may be told of somebody (OpenID Connect Core, 5.1)."""
    told: dict[str, Any] = {"sub": user["id"]}
    if "profile" in scopes:
        told |= _profile(user)
    if "email" in scopes and user["email"]:
        told |= {"email": user["email"], "email_verified": user["email_confirmed_at"] is not None}
    if "phone" in scopes and user["phone"]:
        told |= {"phone_number": user["phone"], "phone_number_verified": user["phone_confirmed_at"] is not None}
    return told


def _profile(user: Mapping[str, Any]) -> dict[str, Any]:
    known = user["raw_user_meta_data"] or {}
    told = {}
    for claim, names in _PROFILE.items():
        found = next((known[name] for name in names if isinstance(known.get(name), str) and known[name]), None)
        if found is not None:
            told[claim] = found
    return told | {"updated_at": int(user["updated_at"].timestamp())}
