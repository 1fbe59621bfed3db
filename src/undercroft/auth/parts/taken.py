"""Somebody as they are taken over from elsewhere: the columns of their account, their identities, their factors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from undercroft.auth.parts.addresses import email_of, phone_of
from undercroft.auth.parts.passwords import is_known

_ORIGIN = UUID("6e8f6a3e-70a0-5c43-9d6c-3f2b0b7f6a51")
_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_ABOVE_ALL = frozenset({"service_role", "supabase_admin", "supabase_auth_admin", "postgres"})
_SEED = re.compile(r"[A-Z2-7]{16,256}")
FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
"""Until when somebody is kept out who was shut out elsewhere without an end."""


class LeftOut(ValueError):
    """An account that cannot be taken over; it says why."""


@dataclass(slots=True)
class Taken:
    """An account, with the id that it has here."""

    id: str
    columns: dict[str, Any] = field(repr=False)
    identities: list[dict[str, Any]] = field(default_factory=list, repr=False)
    factors: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """`secret` in the clear."""
    notes: list[str] = field(default_factory=list)
    """What of it stays behind."""


def id_from(kind: str, text: str) -> str:
    """The id here of somebody whose id elsewhere is no UUID: the same one each time."""
    return str(uuid5(_ORIGIN, f"{kind}:{text}"))


def uuid_of(text: object) -> str | None:
    """A UUID in our spelling; None for what is none."""
    try:
        return str(UUID(str(text)))
    except ValueError:
        return None


def read_email(text: object) -> str | None:
    """An address, None for no address. Raises `LeftOut` for what is none."""
    if not text:
        return None
    found = email_of(str(text))
    if found is None:
        raise LeftOut("its e-mail address is none")
    return found


def read_phone(text: object) -> str | None:
    """A number, None for no number. Raises `LeftOut` for what is none."""
    if not text:
        return None
    found = phone_of(str(text))
    if found is None:
        raise LeftOut("its phone number is none")
    return found


def read_moment(value: object) -> datetime | None:
    """A moment from ISO 8601, or from milliseconds since 1970 as text or number. Raises `LeftOut`."""
    if value in (None, ""):
        return None
    text = str(value)
    try:
        if re.fullmatch(r"\d{9,15}", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise LeftOut(f"{text[:40]} is no moment") from None
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def read_object(value: object, name: str) -> dict[str, Any]:
    """An object of JSON; empty for nothing. Raises `LeftOut`."""
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise LeftOut(f"its {name} is no object")
    return value


def read_role(value: object, notes: list[str]) -> str:
    """A role of a person; for one that passes all policies, that of anybody."""
    role = str(value or "authenticated")
    if role in _ABOVE_ALL or not _ROLE.fullmatch(role):
        notes.append("a role that is none of a person")
        return "authenticated"
    return role


def read_password(stored: object, notes: list[str]) -> str | None:
    """A stored password, where it is of a kind that can be compared."""
    if not stored:
        return None
    if not is_known(str(stored)):
        notes.append("a password that is stored in an unknown way")
        return None
    return str(stored)


def is_seed(text: object) -> bool:
    """Whether it is the seed of time-based codes, in base32."""
    return isinstance(text, str) and bool(_SEED.fullmatch(text.rstrip("=")))


def identity(
    user_id: str, provider: str, subject: str, data: dict[str, Any], made: datetime | None, *,
    seen: datetime | None = None, changed: datetime | None = None, identity_id: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A way in, as `auth.identities` has it. Addresses of Ethereum are one in any case."""
    if provider == "web3" and subject.startswith("web3:ethereum:"):
        subject = subject.lower()
    email = data.get("email")
    return {
        "id": identity_id or id_from("identity", f"{user_id}:{provider}:{subject}"),
        "provider": provider,
        "provider_id": subject,
        "identity_data": data,
        "email": str(email).lower() if email else None,
        "last_sign_in_at": seen,
        "created_at": made,
        "updated_at": changed or made,
    }


def own_identities(user_id: str, columns: dict[str, Any], *, proven: bool = True) -> list[dict[str, Any]]:
    """The ways in by somebody's own address and number; `proven` is whether a confirmed one was shown to be theirs."""
    found = []
    for name in ("email", "phone"):
        if columns.get(name):
            data = {"sub": user_id, name: columns[name], "email_verified": False, "phone_verified": False}
            data[f"{name}_verified"] = proven and columns.get(f"{name}_confirmed_at") is not None
            found.append(identity(user_id, name, user_id, data, columns.get("created_at")))
    return found


def listed(columns: dict[str, Any], identities: list[dict[str, Any]]) -> None:
    """Let an account's metadata say by which places it is reached, where they do not."""
    names = list(dict.fromkeys(each["provider"] for each in identities))
    app = columns["raw_app_meta_data"]
    if names and not app.get("providers"):
        columns["raw_app_meta_data"] = {**app, "provider": names[0], "providers": names}
