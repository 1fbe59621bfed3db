"""An account of a Supabase project, by its rows as JSON. Their columns came over the years: each is read where it is.

Schema: https://supabase.com/docs/guides/auth/managing-user-data. Secrets that were sent to people are not taken, and
neither is anything that was under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from undercroft.auth.parts.taken import (
    LeftOut,
    Taken,
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

TABLES = ("auth.users", "auth.identities", "auth.mfa_factors")
LEFT = {
    "auth.sessions": "sessions: people sign in again",
    "auth.webauthn_credentials": "passkeys: they are added again",
    "auth.oauth_clients": "apps that people sign in to by this one",
    "auth.sso_providers": "SSO providers: add them with the same ids",
    "auth.custom_oauth_providers": "providers that were added while running",
}
"""Tables that stay behind, and what is told of each."""
_HELD = "SELECT user_id, jsonb_agg(to_jsonb(o)) AS held FROM {table} o GROUP BY 1"
_OF = f"LEFT JOIN ({_HELD}) {{name}} ON {{name}}.user_id = u.id"
_WHEN = (
    "email_confirmed_at", "invited_at", "confirmation_sent_at", "recovery_sent_at", "last_sign_in_at", "created_at",
    "updated_at", "phone_confirmed_at", "banned_until", "deleted_at",
)  # fmt: skip


def statement(*, factors: bool) -> str:
    """What reads all accounts: of each a row of three columns, the account, its identities, its factors."""
    _, identities, second = TABLES
    joined = _OF.format(table=identities, name="i") + (f" {_OF.format(table=second, name='f')}" if factors else "")
    held = "f.held" if factors else "NULL::jsonb"
    return f"SELECT to_jsonb(u), i.held, {held} FROM auth.users u {joined} ORDER BY u.id"  # noqa: S608  # our own names


def from_supabase(user: Row, identities: Iterable[Row] | None, factors: Iterable[Row] | None) -> Taken:
    """An account. Raises `LeftOut`."""
    user_id = uuid_of(user.get("id"))
    if user_id is None:
        raise LeftOut("its id is no UUID")
    notes: list[str] = []
    is_gone = bool(user.get("deleted_at"))
    columns: dict[str, Any] = {name: read_moment(user.get(name)) for name in _WHEN}
    if "email_confirmed_at" not in user:  # its name before 2022
        columns["email_confirmed_at"] = read_moment(user.get("confirmed_at"))
    columns |= {
        "aud": user.get("aud") or "authenticated",
        "role": read_role(user.get("role"), notes),
        # What stands for somebody who was deleted is a hash there, too.
        "email": user.get("email") if is_gone else read_email(user.get("email")),
        "phone": (user.get("phone") or None) if is_gone else read_phone(user.get("phone")),
        "encrypted_password": read_password(user.get("encrypted_password"), notes),
        "raw_app_meta_data": read_object(user.get("raw_app_meta_data"), "app metadata"),
        "raw_user_meta_data": read_object(user.get("raw_user_meta_data"), "user metadata"),
        "is_sso_user": bool(user.get("is_sso_user")),
        "is_anonymous": bool(user.get("is_anonymous")),
    }
    found = [made for made in (_identity(user_id, each) for each in identities or ()) if made is not None]
    if not found and not is_gone:
        found = own_identities(user_id, columns, proven=False)  # some are confirmed as they come
    listed(columns, found)
    taken = Taken(user_id, columns, found, notes=notes)
    for each in factors or ():
        _take_factor(taken, each)
    return taken


def _identity(user_id: str, row: Row) -> dict[str, Any] | None:
    """A way in. Before 2023 the column `id` was the person's id at the provider."""
    subject, identity_id = row.get("provider_id"), uuid_of(row.get("id"))
    if subject is None:
        subject, identity_id = row.get("id"), None
    if not subject or not row.get("provider"):
        return None
    return identity(
        user_id, str(row["provider"]), str(subject), read_object(row.get("identity_data"), "identity data"),
        read_moment(row.get("created_at")), seen=read_moment(row.get("last_sign_in_at")),
        changed=read_moment(row.get("updated_at")), identity_id=identity_id,
    )  # fmt: skip


def _take_factor(taken: Taken, row: Row) -> None:
    """A second factor. One that nobody verified was never one."""
    if row.get("status") != "verified":
        return
    kind, factor_id = row.get("factor_type"), uuid_of(row.get("id"))
    given = {
        "id": factor_id,
        "friendly_name": row.get("friendly_name") or None,
        "factor_type": kind,
        "status": "verified",
        "created_at": read_moment(row.get("created_at")),
        "updated_at": read_moment(row.get("updated_at")),
        "secret": None,
        "phone": None,
    }
    if factor_id is not None and kind == "totp" and is_seed(row.get("secret")):
        taken.factors.append(given | {"secret": row["secret"]})
    elif factor_id is not None and kind == "phone":
        taken.factors.append(given | {"phone": read_phone(row.get("phone"))})
    elif kind == "webauthn":
        taken.notes.append("a security key, which is enrolled again")
    else:
        taken.notes.append("a second factor whose secret is encrypted there")
