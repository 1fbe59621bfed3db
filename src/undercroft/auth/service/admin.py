"""Accounts in the hands of those who look after an app: listed, made, changed, banned, deleted.

Whoever calls a verb of these has shown the key of the service, or is at the machine itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

from undercroft.auth.errors import AuthFault, user_missing, validation_failed
from undercroft.auth.parts.durations import go_duration
from undercroft.auth.parts.passwords import LONGEST, is_known
from undercroft.auth.parts.shapes import Shape, factor_shape, told_moment, user_shape
from undercroft.auth.service.accounts import (
    account_at,
    changed,
    check_password,
    created,
    merged,
    own_identity,
    read_email,
    read_phone,
)
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended
from undercroft.auth.service.users import shape_of
from undercroft.auth.store import Record, Rows
from undercroft.auth.store import admin as store
from undercroft.auth.tables import (
    CREDENTIALS,
    FACTORS,
    FLOWS,
    IDENTITIES,
    OAUTH_CONSENTS,
    ONE_TIME_TOKENS,
    RECOVERY_CODES,
    SESSIONS,
    USERS,
)
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import AdminUser
from undercroft.engine.errors import DatabaseFault

MOST = 1000
"""Entries on a page."""
_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_ABOVE_ALL = frozenset({"service_role", "supabase_admin"})


class Page(NamedTuple):
    """A page, and how many entries there are on all of them."""

    entries: list[Shape]
    total: int
    number: int
    size: int


# --- looking ---


async def listed(room: Room, number: int, size: int, search: str = "", aud: str | None = None) -> Page:
    """`GET /admin/users`: the newest first. `search` is how an address or a name begins, or a whole id."""
    dialect = room.engine.dialect

    def work(rows: Rows) -> Page:
        users = store.users_like(rows, dialect, search, aud, size, (number - 1) * size)
        identities, factors = store.identities_of(rows, dialect, users), store.factors_of(rows, dialect, users)
        shapes = [user_shape(user, identities[user["id"]], factors[user["id"]]) for user in users]
        return Page(shapes, store.count_users_like(rows, dialect, search, aud), number, size)

    return await room.read(work)


async def audit(room: Room, number: int, size: int, query: str = "") -> Page:
    """`GET /admin/audit`: the newest first. `query` is `author:…`, `action:…` or `type:…`. Raises `AuthFault`."""
    scope, colon, text = query.partition(":")
    if query and (not colon or scope not in store.SCOPES):
        raise validation_failed("Invalid query scope: one of author, action and type, then a colon")
    dialect, wanted = room.engine.dialect, scope or None

    def work(rows: Rows) -> Page:
        entries = store.audited(rows, dialect, wanted, text, size, (number - 1) * size)
        shapes = [{**entry, "created_at": told_moment(entry["created_at"])} for entry in entries]
        return Page(shapes, store.count_audited(rows, dialect, wanted, text), number, size)

    return await room.read(work)


async def show(room: Room, user_id: str) -> Shape:
    """`GET /admin/users/{id}`. Raises `AuthFault`."""
    return await room.read(lambda rows: shape_of(rows, _found(rows, user_id)))


def _found(rows: Rows, user_id: str, *, locked: bool = False) -> Record:
    user = rows.one(USERS, locked=locked, id=user_id)
    if user is None:
        raise user_missing()
    return user


# --- making and changing ---


async def create(room: Room, ask: AdminUser, caller: Caller) -> Shape:
    """`POST /admin/users`. Raises `AuthFault`."""
    if not ask.email and not ask.phone:
        raise validation_failed("Cannot create a user without either an email or phone")
    columns = _plain_columns(room, ask) | await _password(room, ask)
    if ask.id is not None:
        columns["id"] = _uuid(ask.id)
    columns |= {"raw_user_meta_data": merged({}, ask.user_metadata or {})}
    providers = [column for column in ("email", "phone") if getattr(ask, column)]
    given = merged({}, ask.app_metadata or {})

    def work(rows: Rows) -> Shape:
        for column in providers:
            _refuse_taken(rows, column, columns[column])
        user = created(rows, room, providers[0], raw_app_meta_data=given, **columns)
        if len(providers) > 1:
            both = {**user["raw_app_meta_data"], "providers": providers}
            user = changed(rows, room, user, raw_app_meta_data=both)
        for column in providers:
            own_identity(rows, room, user, column, verified=user[f"{column}_confirmed_at"] is not None)
        noted(rows, room, "user_signedup", None, caller, kind="team", traits=_traits(user))
        return shape_of(rows, user)

    async with _unique():
        return await room.write(work)


async def change(room: Room, user_id: str, ask: AdminUser, caller: Caller) -> Shape:
    """`PUT /admin/users/{id}`. A new password or a ban ends the account's sessions. Raises `AuthFault`."""
    if ask.password:
        await check_password(room, ask.password)
    columns = _plain_columns(room, ask) | await _password(room, ask)
    is_closed = "encrypted_password" in columns or columns.get("banned_until") is not None

    def work(rows: Rows) -> tuple[Shape, list[str]]:
        user = _found(rows, user_id, locked=True)
        given = dict(columns)
        for column in ("email", "phone"):
            if column in given and given[column] == user[column]:
                del given[column]
            elif column in given:
                _refuse_taken(rows, column, given[column])
                given["is_anonymous"] = False
        if ask.user_metadata is not None:
            given["raw_user_meta_data"] = merged(user["raw_user_meta_data"], ask.user_metadata)
        if ask.app_metadata is not None:
            given["raw_app_meta_data"] = merged(user["raw_app_meta_data"], ask.app_metadata)
        after = changed(rows, room, user, **given)
        for column in ("email", "phone"):
            if column in given or (f"{column}_confirmed_at" in given and after[column]):
                own_identity(rows, room, after, column, verified=after[f"{column}_confirmed_at"] is not None)
        if is_closed or "email" in given or "phone" in given:
            after = _forgotten(rows, room, after)
        gone = ended(rows, room, rows.all(SESSIONS, user_id=user_id)) if is_closed else []
        noted(rows, room, "user_modified", None, caller, kind="user", traits=_traits(after))
        return shape_of(rows, after), gone

    async with _unique():
        told, gone = await room.write(work)
    room.revoked(gone)
    return told


def _plain_columns(room: Room, ask: AdminUser) -> dict[str, Any]:
    """The columns that are given as they are. Raises `AuthFault`."""
    columns: dict[str, Any] = {}
    if ask.email:
        columns["email"] = read_email(ask.email)
    if ask.phone:
        columns["phone"] = read_phone(ask.phone)
    if ask.email_confirm:
        columns["email_confirmed_at"] = room.now()
    if ask.phone_confirm:
        columns["phone_confirmed_at"] = room.now()
    if ask.aud:
        columns["aud"] = ask.aud
    if ask.role:
        if not _ROLE.fullmatch(ask.role):
            raise validation_failed("role has to be a name of letters, digits, - and _")
        if ask.role in _ABOVE_ALL:
            raise validation_failed(f"{ask.role} is no role of a person: it passes every policy")
        columns["role"] = ask.role
    if ask.ban_duration is not None:
        columns["banned_until"] = _banned_until(room, ask.ban_duration)
    return columns


def _banned_until(room: Room, text: str) -> Any:
    """None for `none`. Raises `AuthFault`."""
    if text == "none":
        return None
    duration = go_duration(text)
    if duration is None:
        raise validation_failed("invalid format for ban duration: 24h, 1h30m, or none")
    return room.now() + duration


async def _password(room: Room, ask: AdminUser) -> dict[str, Any]:
    """The column of the password. Raises `AuthFault`."""
    if ask.password and ask.password_hash:
        raise validation_failed("Only a password or a password hash should be provided")
    if ask.password_hash:
        if not is_known(ask.password_hash):
            raise validation_failed("password_hash is of no kind that can be taken over, or costs too much to check")
        return {"encrypted_password": ask.password_hash}
    if ask.password:
        if len(ask.password.encode()) > LONGEST:
            raise validation_failed(f"Password cannot be longer than {LONGEST} bytes")
        return {"encrypted_password": await room.hasher.hashed(ask.password)}
    return {}


def _refuse_taken(rows: Rows, column: str, address: str) -> None:
    if account_at(rows, column, address) is not None:
        raise _taken(column)


def _taken(column: str) -> AuthFault:
    word = {"email": "email address", "phone": "phone number"}[column]
    return AuthFault(f"{column}_exists", f"A user with this {word} has already been registered")


@asynccontextmanager
async def _unique() -> AsyncIterator[None]:
    """Tells what two at once may come to: only the database knows who was first."""
    try:
        yield
    except DatabaseFault as fault:
        if fault.code != "23505":
            raise
        raise AuthFault("user_already_exists", "A user with this address or id is there already") from None


# --- ending ---


async def delete(room: Room, user_id: str, *, softly: bool, caller: Caller) -> Shape:
    """`DELETE /admin/users/{id}`: out of the database, or, softly, a row that stands for nobody any more.

    Raises `AuthFault`.
    """

    def work(rows: Rows) -> tuple[Shape, list[str]]:
        user = _found(rows, user_id, locked=True)
        told = shape_of(rows, user)
        gone = ended(rows, room, rows.all(SESSIONS, user_id=user_id))
        noted(rows, room, "user_deleted", None, caller, kind="team", traits=_traits(user))
        if not softly:
            rows.remove(FLOWS, user_id=user_id)
            rows.remove(USERS, id=user_id)
        elif user["deleted_at"] is None:
            told = _nobody(rows, room, user)
        return told, gone

    try:
        told, gone = await room.write(work)
    except DatabaseFault as fault:
        if fault.code != "23503":
            raise
        message = "Rows of other tables belong to this account: delete them first, or delete it softly"
        raise AuthFault("conflict", message) from None
    room.revoked(gone)
    return told


def _nobody(rows: Rows, room: Room, user: Record) -> Shape:
    """Keep the row for what refers to it, and nothing by which its owner could be found or come in."""
    now = room.now()
    for table in (IDENTITIES, FACTORS, CREDENTIALS, RECOVERY_CODES, OAUTH_CONSENTS):
        rows.remove(table, user_id=user["id"])
    user = _forgotten(rows, room, user)
    after = changed(
        rows, room, user, deleted_at=now, encrypted_password=None, raw_user_meta_data={}, raw_app_meta_data={},
        email=_hidden(user, "email"), phone=(_hidden(user, "phone") or "")[:15] or None,
    )  # fmt: skip
    return shape_of(rows, after)


def _hidden(user: Record, column: str) -> str | None:
    if not user[column]:
        return None
    digest = hashlib.sha256(f"{user['id']}{user[column]}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _forgotten(rows: Rows, room: Room, user: Record) -> Record:
    """Codes, links and ways in under way lead nowhere, a change of address that was begun included."""
    rows.remove(ONE_TIME_TOKENS, user_id=user["id"])
    rows.remove(FLOWS, user_id=user["id"])
    return changed(rows, room, user, email_change="", phone_change="", email_change_confirm_status=0)


async def sign_out(room: Room, user_id: str, caller: Caller) -> int:
    """End all sessions of an account; how many there were. Raises `AuthFault`."""

    def work(rows: Rows) -> list[str]:
        user = _found(rows, user_id)
        noted(rows, room, "logout", None, caller, traits=_traits(user))
        return ended(rows, room, rows.all(SESSIONS, user_id=user_id))

    gone = await room.write(work)
    room.revoked(gone)
    return len(gone)


# --- factors ---


async def factors(room: Room, user_id: str) -> list[Shape]:
    """`GET /admin/users/{id}/factors`. Raises `AuthFault`."""

    def work(rows: Rows) -> list[Shape]:
        _found(rows, user_id)
        return [factor_shape(factor) for factor in rows.all(FACTORS, user_id=user_id)]

    return await room.read(work)


async def change_factor(
    room: Room, user_id: str, factor_id: str, name: str | None, phone: str | None, caller: Caller
) -> Shape:
    """`PUT /admin/users/{id}/factors/{id}`: its name, and the number of one by phone. Raises `AuthFault`."""

    def work(rows: Rows) -> Shape:
        user, factor = _found(rows, user_id), _factor(rows, user_id, factor_id)
        given: dict[str, Any] = {"updated_at": room.now()}
        if name is not None:
            given["friendly_name"] = name
        if phone is not None and factor["factor_type"] == "phone":
            given["phone"] = read_phone(phone)
        rows.change(FACTORS, {"id": factor_id}, **given)
        noted(rows, room, "factor_updated", None, caller, kind="factor", traits=_traits(user, factor_id=factor_id))
        return factor_shape({**factor, **given})

    return await room.write(work)


async def delete_factor(room: Room, user_id: str, factor_id: str, caller: Caller) -> Shape:
    """`DELETE /admin/users/{id}/factors/{id}`: the sessions that it lifted end with it. Raises `AuthFault`."""

    def work(rows: Rows) -> tuple[Shape, list[str]]:
        user, factor = _found(rows, user_id), _factor(rows, user_id, factor_id)
        lifted = [each for each in rows.all(SESSIONS, user_id=user_id) if each["aal"] != "aal1"]
        gone = ended(rows, room, lifted) if factor["status"] == "verified" else []
        rows.remove(FACTORS, id=factor_id)
        if not rows.all(FACTORS, user_id=user_id, status="verified"):
            # They stand in for a factor: without one, they would be good for the next.
            rows.remove(RECOVERY_CODES, user_id=user_id)
        noted(rows, room, "factor_deleted", None, caller, kind="factor", traits=_traits(user, factor_id=factor_id))
        return factor_shape(factor), gone

    told, gone = await room.write(work)
    room.revoked(gone)
    return told


def _factor(rows: Rows, user_id: str, factor_id: str) -> Record:
    factor = rows.one(FACTORS, locked=True, id=factor_id, user_id=user_id)
    if factor is None:
        raise AuthFault("mfa_factor_not_found", "Factor not found")
    return factor


def _traits(user: Record, **more: str) -> dict[str, Any]:
    return {"user_id": user["id"], "user_email": user["email"] or "", "user_phone": user["phone"] or "", **more}


def _uuid(text: str) -> str:
    try:
        found = UUID(text)
    except ValueError:
        raise validation_failed("ID must conform to the uuid v4 format") from None
    if not found.int:
        raise validation_failed("ID cannot be a nil uuid")
    return str(found)
