"""People, identities, factors and sessions as GoTrue's clients read them: its published OpenAPI's schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.json import Encoder

Shape = dict[str, Any]

_written = Encoder().encode

_WHEN = (
    "email_confirmed_at", "invited_at", "phone_confirmed_at", "confirmation_sent_at", "recovery_sent_at",
    "email_change_sent_at", "phone_change_sent_at", "reauthentication_sent_at", "last_sign_in_at", "banned_until",
    "deleted_at",
)  # fmt: skip
"""Moments that are left out where there is none."""


TOLD_TO_APPS = ("id", "aud", "role", "email", "phone", "app_metadata", "user_metadata", "is_anonymous", "created_at")
"""What an app reads of an account: no way in, no second factor, nothing that is under way."""


def told_moment(value: datetime | None) -> str | None:
    """RFC 3339, UTC."""
    if value is None:
        return None
    # As `isoformat` has it, with Z for the zone, in a tenth of the time: an answer tells of a dozen.
    return _written(value if value.tzinfo is UTC else value.astimezone(UTC))[1:-1].decode()


def user_shape(
    user: Mapping[str, Any], identities: Iterable[Mapping[str, Any]], factors: Iterable[Mapping[str, Any]] = ()
) -> Shape:
    """`UserSchema`."""
    told: Shape = {
        "id": user["id"],
        "aud": user["aud"],
        "role": user["role"],
        "email": user["email"] or "",
        "phone": user["phone"] or "",
    }
    told |= {name: told_moment(user[name]) for name in _WHEN if user[name] is not None}
    confirmed = [moment for moment in (user["email_confirmed_at"], user["phone_confirmed_at"]) if moment is not None]
    if confirmed:
        told["confirmed_at"] = told_moment(min(confirmed))
    if user["email_change"]:
        told["new_email"] = user["email_change"]
    if user["phone_change"]:
        told["new_phone"] = user["phone_change"]
    told["app_metadata"] = user["raw_app_meta_data"] or {}
    told["user_metadata"] = user["raw_user_meta_data"] or {}
    told["identities"] = [identity_shape(identity) for identity in identities]
    if listed := [factor_shape(factor) for factor in factors]:
        told["factors"] = listed
    told["created_at"], told["updated_at"] = told_moment(user["created_at"]), told_moment(user["updated_at"])
    told["is_anonymous"] = user["is_anonymous"]
    if user["is_sso_user"]:
        told["is_sso_user"] = True
    return told


def identity_shape(identity: Mapping[str, Any]) -> Shape:
    """`IdentitySchema`; `id` is the person's id at the provider."""
    told: Shape = {
        "identity_id": identity["id"],
        "id": identity["provider_id"],
        "user_id": identity["user_id"],
        "identity_data": identity["identity_data"] or {},
        "provider": identity["provider"],
        "last_sign_in_at": told_moment(identity["last_sign_in_at"]),
        "created_at": told_moment(identity["created_at"]),
        "updated_at": told_moment(identity["updated_at"]),
    }
    if identity["email"]:
        told["email"] = identity["email"]
    return told


def factor_shape(factor: Mapping[str, Any]) -> Shape:
    """`MFAFactorSchema`, without its secret."""
    told: Shape = {
        "id": factor["id"],
        "created_at": told_moment(factor["created_at"]),
        "updated_at": told_moment(factor["updated_at"]),
        "status": factor["status"],
        "factor_type": factor["factor_type"],
    }
    if factor["friendly_name"]:
        told["friendly_name"] = factor["friendly_name"]
    if factor["phone"]:
        told["phone"] = factor["phone"]
    if factor["last_challenged_at"] is not None:
        told["last_challenged_at"] = told_moment(factor["last_challenged_at"])
    return told
