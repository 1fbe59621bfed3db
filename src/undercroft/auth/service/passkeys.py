"""Passkeys: made by somebody who is in, and then a way in without a name or a password.

Protocol: auth-js 2.109 (`registerPasskey`, `signInWithPasskey`, `passkey.*`), WebAuthn Level 3.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from undercroft.auth.errors import AuthFault, user_missing, validation_failed
from undercroft.auth.parts import webauthn
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.challenges import known, party
from undercroft.auth.service.factors import LIFETIME, locked, own_session, require_aal
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import opened, refuse_banned, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.factors import swept, used
from undercroft.auth.tables import CREDENTIAL_CHALLENGES, CREDENTIALS, USERS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import ChangePasskey, VerifyPasskey

REGISTRATION, AUTHENTICATION = "registration", "authentication"
METHOD = "passkey"
"""What a token's `amr` says of it. It is one proof, however good: where there is a second factor, that is asked for."""
_LONGEST_NAME = 120


# --- making one ---


async def registration_options(room: Room, user: Record, session: Record | None) -> Shape:
    """`POST /passkeys/registration/options`. Raises `AuthFault`."""
    here = own_session(user, session)
    _check(room, user)

    def look(rows: Rows) -> list[Record]:
        require_aal(rows, user, here, status=403)
        return rows.all(CREDENTIALS, user_id=user["id"])

    held = await room.read(look)
    _check_room(room, held)
    options, asked = webauthn.creation(party(room), user, [each["credential_id"] for each in held], discoverable=True)
    data = {"challenge": asked, "session_id": here["id"]}
    return await _asked(room, REGISTRATION, user["id"], data, options)


async def registered(room: Room, user: Record, session: Record | None, ask: VerifyPasskey, caller: Caller) -> Shape:
    """`POST /passkeys/registration/verify`. Raises `AuthFault`."""
    here = own_session(user, session)
    _check(room, user)
    answer = _answer(ask)
    data = await _taken(room, ask.challenge_id, REGISTRATION, user["id"])
    if data["session_id"] != here["id"]:
        raise _unknown()
    made = webauthn.created(party(room), data["challenge"], answer, verified=True)
    passkey = {
        "id": str(uuid4()),
        "user_id": user["id"],
        "credential_id": made.id,
        "public_key": made.public_key,
        "attestation_type": "none",
        "aaguid": made.aaguid,
        "sign_count": made.signs,
        "transports": made.transports,
        "backup_eligible": made.backup_eligible,
        "backed_up": made.backed_up,
        "friendly_name": None,
        "created_at": room.now(),
        "updated_at": room.now(),
        "last_used_at": None,
    }

    def work(rows: Rows) -> None:
        account = locked(rows, user)
        require_aal(rows, account, here, status=403)
        _check_room(room, rows.all(CREDENTIALS, user_id=user["id"]))
        if known(rows, made.id):
            raise AuthFault("webauthn_credential_exists", "This credential is already registered")
        rows.add(CREDENTIALS, **passkey)
        noted(rows, room, "passkey_created", account, caller, kind="account", traits={"passkey_id": passkey["id"]})

    await room.write(work)
    more = {name: passkey[name] for name in ("backup_eligible", "backed_up", "transports")}
    return {**passkey_shape(passkey), **more}


def _check(room: Room, user: Record | None = None) -> None:
    if not room.settings.passkey.enabled:
        raise AuthFault("passkey_disabled", "Passkey authentication is disabled")
    if user is not None and user["is_sso_user"]:
        raise AuthFault("validation_failed", "SSO users cannot register passkeys", status=422)


def _check_room(room: Room, held: list[Record]) -> None:
    if len(held) >= room.settings.passkey.max_passkeys_per_user:
        raise AuthFault("too_many_passkeys", "Maximum number of passkeys reached")


# --- coming in ---


async def authentication_options(room: Room) -> Shape:
    """`POST /passkeys/authentication/options`: the same for everybody. Raises `AuthFault`."""
    _check(room)
    options, asked = webauthn.request(party(room), (), verified=True)
    return await _asked(room, AUTHENTICATION, None, {"challenge": asked}, options)


async def signed_in(room: Room, ask: VerifyPasskey, caller: Caller) -> Shape:
    """`POST /passkeys/authentication/verify`: a session. Raises `AuthFault`, one for whatever does not hold."""
    _check(room)
    answer = _answer(ask)
    data = await _taken(room, ask.challenge_id, AUTHENTICATION, None)
    name = webauthn.named(answer)
    passkey = await room.read(lambda rows: rows.one(CREDENTIALS, credential_id=name))
    if passkey is None or webauthn.handle(answer) != passkey["user_id"]:
        raise webauthn.refused()
    shown = webauthn.shown(party(room), data["challenge"], passkey["public_key"], answer, verified=True)

    def work(rows: Rows) -> Granted | AuthFault:
        now = room.now()
        user = rows.one(USERS, locked=True, id=passkey["user_id"])
        if user is None or user["deleted_at"] is not None:
            return webauthn.refused()
        refuse_banned(user, now)
        for column in ("email", "phone"):
            if user[column] and user[f"{column}_confirmed_at"] is None:
                return AuthFault(f"{column}_not_confirmed", f"{column.capitalize()} not confirmed")
        if rows.one(CREDENTIALS, id=passkey["id"]) is None:
            return webauthn.refused()
        if not used(rows, passkey["id"], shown.signs, now, backed_up=shown.backed_up):
            traits = {"passkey_id": passkey["id"], "sign_count": shown.signs}
            noted(rows, room, "sign_count_regressed", user, caller, traits=traits)
            return webauthn.refused()
        return opened(rows, room, user, caller, METHOD)

    found = await room.write(work)
    if isinstance(found, AuthFault):
        raise found
    return await tokens(room, found)


# --- challenges ---


async def _asked(room: Room, kind: str, user_id: str | None, data: dict[str, Any], options: Shape) -> Shape:
    challenge_id, now = str(uuid4()), room.now()
    expires = now + timedelta(seconds=LIFETIME)

    def work(rows: Rows) -> None:
        swept(rows, now)
        rows.add(
            CREDENTIAL_CHALLENGES, id=challenge_id, user_id=user_id, challenge_type=kind, session_data=data,
            created_at=now, expires_at=expires,
        )  # fmt: skip

    await room.write(work)
    return {"challenge_id": challenge_id, "options": options, "expires_at": int(expires.timestamp())}


async def _taken(room: Room, challenge_id: str, kind: str, user_id: str | None) -> dict[str, Any]:
    """What a challenge holds, taken out: it is good for one try, right or wrong. Raises `AuthFault`."""
    try:
        found_id = str(UUID(challenge_id))
    except ValueError:
        raise validation_failed("challenge_id must be a valid UUID") from None
    found = await room.write(
        lambda rows: rows.remove(CREDENTIAL_CHALLENGES, id=found_id, challenge_type=kind, user_id=user_id)
    )
    if not found:
        raise _unknown()
    if found[0]["expires_at"] < room.now():
        raise AuthFault("webauthn_challenge_expired", "Challenge has expired")
    data: dict[str, Any] = found[0]["session_data"]
    return data


def _unknown() -> AuthFault:
    return AuthFault("webauthn_challenge_not_found", "Challenge not found or already used")


def _answer(ask: VerifyPasskey) -> dict[str, Any]:
    found = ask.credential or ask.credential_response
    if not ask.challenge_id:
        raise validation_failed("challenge_id is required")
    if not found:
        raise validation_failed("credential is required")
    return found


# --- those that are there ---


def passkey_shape(passkey: Record) -> Shape:
    """A passkey, for the list of them."""
    told: Shape = {"id": passkey["id"], "created_at": told_moment(passkey["created_at"])}
    if passkey["friendly_name"]:
        told["friendly_name"] = passkey["friendly_name"]
    if passkey["last_used_at"] is not None:
        told["last_used_at"] = told_moment(passkey["last_used_at"])
    return told


async def listed(room: Room, user_id: str) -> list[Shape]:
    """`GET /passkeys`, and the service's `GET /admin/users/{id}/passkeys`. Raises `AuthFault`."""
    _check(room)

    def look(rows: Rows) -> list[Record]:
        if rows.one(USERS, id=user_id) is None:
            raise user_missing()
        return rows.all(CREDENTIALS, user_id=user_id)

    return [passkey_shape(each) for each in await room.read(look)]


async def renamed(
    room: Room, user: Record, session: Record | None, passkey_id: str, ask: ChangePasskey, caller: Caller
) -> Shape:
    """`PATCH /passkeys/{id}`. Raises `AuthFault`."""
    _check(room)
    here, name = own_session(user, session), ask.friendly_name.strip()
    if not name:
        raise validation_failed("friendly_name is required")
    if len(name) > _LONGEST_NAME:
        raise validation_failed(f"friendly_name must be {_LONGEST_NAME} characters or less")

    def work(rows: Rows) -> Record:
        require_aal(rows, user, here, status=403)
        passkey = rows.one(CREDENTIALS, id=passkey_id, user_id=user["id"])
        if passkey is None:
            raise _missing()
        changed = {"friendly_name": name, "updated_at": room.now()}
        rows.change(CREDENTIALS, {"id": passkey_id}, **changed)
        noted(rows, room, "passkey_updated", user, caller, traits={"passkey_id": passkey_id})
        return {**passkey, **changed}

    return passkey_shape(await room.write(work))


async def removed(room: Room, user: Record, session: Record | None, passkey_id: str, caller: Caller) -> None:
    """`DELETE /passkeys/{id}`. Raises `AuthFault`."""
    _check(room)
    here = own_session(user, session)

    def work(rows: Rows) -> None:
        require_aal(rows, locked(rows, user), here, status=403)
        _gone(rows, room, user, passkey_id, caller)

    await room.write(work)


async def taken_away(room: Room, user_id: str, passkey_id: str, caller: Caller) -> None:
    """`DELETE /admin/users/{id}/passkeys/{id}`. Raises `AuthFault`."""

    def work(rows: Rows) -> None:
        user = rows.one(USERS, id=user_id)
        if user is None:
            raise user_missing()
        _gone(rows, room, user, passkey_id, caller)

    await room.write(work)


def _gone(rows: Rows, room: Room, user: Record, passkey_id: str, caller: Caller) -> None:
    if not rows.remove(CREDENTIALS, id=passkey_id, user_id=user["id"]):
        raise _missing()
    noted(rows, room, "passkey_deleted", user, caller, traits={"passkey_id": passkey_id})


def _missing() -> AuthFault:
    return AuthFault("webauthn_credential_not_found", "Passkey not found")
