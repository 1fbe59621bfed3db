"""Accounts of files: what Firebase and Django write, and a plain form for everything else.

Firebase: https://firebase.google.com/docs/cli/auth (`auth:export users.json`). Django: `manage.py dumpdata auth.user`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from undercroft.auth.parts.taken import (
    FOREVER,
    LeftOut,
    Taken,
    id_from,
    identity,
    is_seed,
    listed,
    own_identities,
    read_email,
    read_moment,
    read_object,
    read_password,
    read_phone,
    read_role,
    uuid_of,
)

Row = Mapping[str, Any]

NAMES = frozenset({
    "id", "email", "phone", "password_hash", "email_confirmed", "phone_confirmed", "user_metadata", "app_metadata",
    "role", "created_at", "last_sign_in_at", "banned", "totp_secret", "identities",
})  # fmt: skip
"""Of the plain form."""
_PLACES = {
    "google.com": "google", "github.com": "github", "facebook.com": "facebook", "apple.com": "apple",
    "twitter.com": "twitter", "microsoft.com": "azure",
}  # fmt: skip
_CONFIG = re.compile(r"(base64_signer_key|base64_salt_separator|rounds|mem_cost)\s*[:=]\s*\"?([A-Za-z0-9+/=_-]+)")


@dataclass(frozen=True, slots=True)
class FirebaseHash:
    """A project's `hash_config`, which its stored passwords are compared with."""

    signer_key: str
    salt_separator: str
    rounds: int
    memory: int

    def stored(self, salt: str, password_hash: str) -> str:
        """A password in GoTrue's spelling."""
        parts = f"n={self.memory},r={self.rounds},p=1,ss={self.salt_separator},sk={self.signer_key}"
        return f"$fbscrypt$v=1,{parts}${_plain(salt)}${_plain(password_hash)}"


def read_hash_config(text: str) -> FirebaseHash | None:
    """What Firebase's console shows; None for anything else."""
    found = dict(_CONFIG.findall(text))
    try:
        return FirebaseHash(
            _plain(found["base64_signer_key"]), _plain(found.get("base64_salt_separator", "")),
            int(found["rounds"]), int(found["mem_cost"]),
        )  # fmt: skip
    except (KeyError, ValueError):
        return None


def _plain(text: str) -> str:
    """Base64 in its usual letters. Raises `ValueError` for what is none."""
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    plain += "=" * (-len(plain) % 4)
    try:
        base64.b64decode(plain, validate=True)
    except binascii.Error as error:
        raise ValueError("it is no base64") from error
    return plain


def _columns(row: Row, made: datetime | None, **given: Any) -> dict[str, Any]:
    """The columns of an account, which all of them have."""
    return {
        "aud": "authenticated", "role": "authenticated", "email": None, "phone": None, "encrypted_password": None,
        "email_confirmed_at": None, "phone_confirmed_at": None, "last_sign_in_at": None, "banned_until": None,
        "raw_app_meta_data": {}, "raw_user_meta_data": {}, "created_at": made, "updated_at": made,
        "is_sso_user": False, "is_anonymous": False, **given,
    }  # fmt: skip


# --- Firebase ---


def is_firebase(row: Row) -> bool:
    """Whether an entry is of Firebase's export."""
    return "localId" in row


def from_firebase(row: Row, config: FirebaseHash | None, now: datetime) -> Taken:
    """An account of Firebase. Its id there is kept as `firebase_id` of the app's metadata. Raises `LeftOut`."""
    local, notes = str(row["localId"]), list[str]()
    user_id, made = id_from("firebase", local), read_moment(row.get("createdAt")) or now
    email, phone = read_email(row.get("email")), read_phone(row.get("phoneNumber"))
    said = {"full_name": row.get("displayName"), "avatar_url": row.get("photoUrl")}
    columns = _columns(
        row, made, email=email, phone=phone, last_sign_in_at=read_moment(row.get("lastSignedInAt")),
        email_confirmed_at=made if email and row.get("emailVerified") else None,
        phone_confirmed_at=made if phone else None, banned_until=FOREVER if row.get("disabled") else None,
        encrypted_password=_firebase_password(row, config, notes),
        raw_user_meta_data={name: value for name, value in said.items() if value},
        raw_app_meta_data={"firebase_id": local} | _claims(row, notes),
    )  # fmt: skip
    found = own_identities(user_id, columns) if columns["encrypted_password"] or phone else []
    for each in row.get("providerUserInfo") or ():
        place = _PLACES.get(str(each.get("providerId")))
        if place is not None and each.get("rawId"):
            found.append(_firebase_identity(user_id, place, each, email, row, made))
        elif each.get("providerId") not in ("password", "phone"):
            notes.append(f"a way in by {str(each.get('providerId'))[:64]}")
    columns["is_anonymous"] = not found and not email
    listed(columns, found or own_identities(user_id, columns))
    return Taken(user_id, columns, found or own_identities(user_id, columns), notes=notes)


def _firebase_password(row: Row, config: FirebaseHash | None, notes: list[str]) -> str | None:
    if not row.get("passwordHash"):
        return None
    if config is None:
        notes.append("a password, which takes --firebase-hash")
        return None
    try:
        return read_password(config.stored(str(row.get("salt") or ""), str(row["passwordHash"])), notes)
    except ValueError:
        notes.append("a password that cannot be read")
        return None


def _firebase_identity(
    user_id: str, place: str, each: Row, email: str | None, row: Row, made: datetime
) -> dict[str, Any]:
    address = each.get("email") or None
    is_theirs = bool(row.get("emailVerified")) and bool(address) and str(address).lower() == str(email).lower()
    data = {
        "sub": str(each["rawId"]), "email": address, "email_verified": is_theirs, "phone_verified": False,
        "full_name": each.get("displayName"), "avatar_url": each.get("photoUrl"),
    }  # fmt: skip
    kept = {name: value for name, value in data.items() if value is not None}
    return identity(user_id, place, str(each["rawId"]), kept, made)


def _claims(row: Row, notes: list[str]) -> dict[str, Any]:
    """Custom claims, as text of JSON."""
    try:
        found = json.loads(str(row.get("customAttributes") or "{}"))
    except ValueError:
        found = None
    if isinstance(found, dict):
        return {"claims": found} if found else {}
    notes.append("custom claims that cannot be read")
    return {}


# --- Django ---


def is_django(row: Row) -> bool:
    """Whether an entry is a user of a dump of Django, of its own model or another."""
    fields = row.get("fields")
    return isinstance(fields, dict) and "model" in row and "password" in fields


def from_django(row: Row, now: datetime, *, confirmed: bool) -> Taken:
    """An account of Django. Its id there is kept as `django_id` of the app's metadata. Raises `LeftOut`."""
    fields, notes = row["fields"], list[str]()
    email = read_email(fields.get("email"))
    if email is None:
        raise LeftOut("it has no e-mail address")
    key = str(row.get("pk"))
    user_id, made = uuid_of(key) or id_from("django", key), read_moment(fields.get("date_joined")) or now
    names = [str(fields[name]) for name in ("first_name", "last_name") if fields.get(name)]
    said = {"user_name": fields.get("username"), "full_name": " ".join(names)}
    stored = str(fields["password"])
    columns = _columns(
        row, made, email=email, email_confirmed_at=made if confirmed else None,
        encrypted_password=None if stored.startswith("!") else read_password(stored, notes),
        last_sign_in_at=read_moment(fields.get("last_login")),
        banned_until=None if fields.get("is_active", True) else FOREVER,
        raw_user_meta_data={name: value for name, value in said.items() if value},
        raw_app_meta_data={"django_id": row.get("pk")},
    )  # fmt: skip
    found = own_identities(user_id, columns)
    listed(columns, found)
    return Taken(user_id, columns, found, notes=notes)


# --- the plain form ---


def from_plain(row: Row, now: datetime, *, confirmed: bool) -> Taken:
    """An account of the plain form. Raises `LeftOut`."""
    if unknown := sorted(set(row) - NAMES):
        raise LeftOut(f"{', '.join(unknown)[:200]}: no such name")
    notes: list[str] = []
    email, phone = read_email(row.get("email")), read_phone(row.get("phone"))
    if email is None and phone is None and not row.get("identities"):
        raise LeftOut("it has neither an address nor a number")
    user_id = uuid_of(row["id"]) if row.get("id") else id_from("plain", email or phone or json.dumps(row["identities"]))
    if user_id is None:
        raise LeftOut("its id is no UUID")
    made = read_moment(row.get("created_at")) or now
    columns = _columns(
        row, made, email=email, phone=phone, role=read_role(row.get("role"), notes),
        email_confirmed_at=made if email and _said(row, "email_confirmed", otherwise=confirmed) else None,
        phone_confirmed_at=made if phone and _said(row, "phone_confirmed", otherwise=confirmed) else None,
        encrypted_password=read_password(row.get("password_hash"), notes),
        last_sign_in_at=read_moment(row.get("last_sign_in_at")),
        banned_until=FOREVER if _said(row, "banned", otherwise=False) else None,
        raw_user_meta_data=read_object(row.get("user_metadata"), "user_metadata"),
        raw_app_meta_data=read_object(row.get("app_metadata"), "app_metadata"),
    )  # fmt: skip
    found = own_identities(user_id, columns)
    for each in row.get("identities") or ():
        if not isinstance(each, dict) or not each.get("provider") or not each.get("id"):
            raise LeftOut("an identity has provider and id")
        data = {"sub": str(each["id"]), **read_object(each.get("identity_data"), "identity_data")}
        found.append(identity(user_id, str(each["provider"]), str(each["id"]), data, made))
    listed(columns, found)
    taken = Taken(user_id, columns, found, notes=notes)
    if row.get("totp_secret"):
        seed = str(row["totp_secret"]).replace(" ", "").upper()
        if not is_seed(seed):
            raise LeftOut("its totp_secret is no base32")
        taken.factors.append({
            "id": id_from("factor", user_id), "friendly_name": None, "factor_type": "totp", "status": "verified",
            "created_at": made, "updated_at": made, "secret": seed, "phone": None,
        })  # fmt: skip
    return taken


def _said(row: Row, name: str, *, otherwise: bool) -> bool:
    """Yes or no, as JSON has it or as a text. Raises `LeftOut`."""
    value = row.get(name)
    if value in (None, ""):
        return otherwise
    found = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}.get(
        str(value).lower()
    )
    if found is None:
        raise LeftOut(f"{name} is true or false")
    return found
