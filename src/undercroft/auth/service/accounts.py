"""Accounts: made, found, and changed. Every verb that makes or changes one does it here."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.addresses import email_of, phone_of
from undercroft.auth.parts.passwords import LONGEST, told_weaknesses, weaknesses
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import IDENTITIES, USERS


def read_email(text: str) -> str:
    """An address as it is stored. Raises `AuthFault`."""
    found = email_of(text)
    if found is None:
        raise validation_failed("Unable to validate email address: invalid format")
    return found


def read_phone(text: str) -> str:
    """A number as it is stored. Raises `AuthFault`."""
    found = phone_of(text)
    if found is None:
        raise validation_failed("Invalid phone number format (E.164 required)")
    return found


def address_of(email: str | None, phone: str | None) -> tuple[str, str]:
    """The one that was given, as it is stored, after its column: `("email", "ada@example.com")`. Raises `AuthFault`."""
    if email and phone:
        raise validation_failed("Only an email address or phone number should be provided on signup.")
    if email:
        return "email", read_email(email)
    if phone:
        return "phone", read_phone(phone)
    raise validation_failed("To signup, please provide your email")


async def check_password(room: Room, password: str) -> None:
    """Raises `AuthFault` for a password that is not taken."""
    settings = room.settings
    if len(password.encode()) > LONGEST:
        raise validation_failed(f"Password cannot be longer than {LONGEST} bytes")
    given = {"shortest": settings.minimum_password_length, "requirements": settings.password_requirements}
    reasons = weaknesses(password, **given)  # type: ignore[arg-type]  # two settings, each of its type
    if await room.breached(password):
        reasons.append("pwned")
    if reasons:
        message = told_weaknesses(reasons, **given)  # type: ignore[arg-type]
        raise AuthFault("weak_password", message, more={"weak_password": {"reasons": reasons, "message": message}})


def account_at(rows: Rows, column: str, address: str, *, locked: bool = False) -> Record | None:
    """Whose address this is; people of an SSO provider are nobody's neighbours."""
    where: dict[str, Any] = {column: address, "deleted_at": None}
    if column == "email":
        where["is_sso_user"] = False
    return rows.one(USERS, locked=locked, **where)


def created(rows: Rows, room: Room, provider: str | None, **columns: Any) -> Record:
    """A new account, come by a provider (`email`, `phone`, `google`, …), or by none when anonymous."""
    now, user_id = room.now(), columns.pop("id", None) or str(uuid4())
    providers = {"provider": provider, "providers": [provider]} if provider else {}
    given: dict[str, Any] = {
        "id": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "created_at": now,
        "updated_at": now,
        "raw_app_meta_data": {**(columns.pop("raw_app_meta_data", None) or {}), **providers},
        "raw_user_meta_data": columns.pop("raw_user_meta_data", None) or {},
        **columns,
    }
    rows.add(USERS, **given)
    user = rows.one(USERS, id=user_id)
    if user is None:
        raise AssertionError("an account that was just made is there")
    rows.made.append(user)
    return user


def identified(rows: Rows, room: Room, user: Record, provider: str, provider_id: str, data: dict[str, Any]) -> Record:
    """A new identity of somebody."""
    now = room.now()
    identity = {
        "id": str(uuid4()),
        "provider_id": provider_id,
        "user_id": user["id"],
        "identity_data": data,
        "provider": provider,
        "last_sign_in_at": now,
        "created_at": now,
        "updated_at": now,
        "email": str(data["email"]).lower() if data.get("email") else None,
    }
    rows.add(IDENTITIES, **identity)
    return identity


def own_identity(rows: Rows, room: Room, user: Record, column: str, *, verified: bool = False) -> Record:
    """The identity of somebody's own address: their `email` or `phone`. Made where there is none, brought up to date
    where there is.
    """
    data = {"sub": user["id"], column: user[column], "email_verified": False, "phone_verified": False}
    data[f"{column}_verified"] = verified
    there = rows.one(IDENTITIES, user_id=user["id"], provider=column)
    if there is None:
        return identified(rows, room, user, column, user["id"], data)
    data = {**(there["identity_data"] or {}), **data}
    email = data.get("email")
    rows.change(IDENTITIES, {"id": there["id"]}, identity_data=data, email=email, updated_at=room.now())
    return {**there, "identity_data": data, "email": email}


def changed(rows: Rows, room: Room, user: Record, **columns: Any) -> Record:
    """An account with other values."""
    columns["updated_at"] = room.now()
    rows.change(USERS, {"id": user["id"]}, **columns)
    return {**user, **columns}


def merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Metadata with other values; null takes one out."""
    return {name: value for name, value in {**(old or {}), **new}.items() if value is not None}
