"""Codes and links that are sent to people: one of each kind for an account, good for a while, once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.codes import new_code, stored_of, token_of
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import ONE_TIME_TOKENS

CONFIRMATION = "confirmation_token"
RECOVERY = "recovery_token"
REAUTHENTICATION = "reauthentication_token"
EMAIL_NEW, EMAIL_CURRENT = "email_change_token_new", "email_change_token_current"
PHONE_CHANGE = "phone_change_token"
PKCE = "pkce_"
"""How the token of a link begins whose answer is a code."""


class Sent(NamedTuple):
    """A code of digits, and the token of a link; either is good, once."""

    code: str
    token: str


class Taken(NamedTuple):
    """What a code or link that was good stands for."""

    kind: str
    user_id: str
    relates_to: str
    details: dict[str, Any]


def issued(
    rows: Rows, room: Room, user: Record, kind: str, relates_to: str, *, digits: int, flow: str | None = None,
    details: dict[str, Any] | None = None, code: str | None = None,
) -> Sent:  # fmt: skip
    """A new code and link; those of the same kind that were sent before are good no more.

    `flow` is the way in that goes on with it; then the answer to its link is a code for whoever began that.
    """
    code, now = code or new_code(digits), room.now()
    token = token_of(room.key(), kind, relates_to, code)
    rows.remove(ONE_TIME_TOKENS, user_id=user["id"], token_type=kind)
    rows.add(
        ONE_TIME_TOKENS,
        id=str(uuid4()),
        user_id=user["id"],
        token_type=kind,
        token_hash=stored_of(token),
        relates_to=relates_to,
        created_at=now,
        updated_at=now,
        details=json.dumps({**(details or {}), **({"flow": flow} if flow else {})}),
    )
    return Sent(code, f"{PKCE}{token}" if flow else token)


def taken(rows: Rows, room: Room, kinds: Iterable[str], token: str, lifetime: float) -> Taken | None:
    """Use up the one that this token is of; None where there is none, or it is too old. One of many who try has it."""
    stored = stored_of(token.removeprefix(PKCE))
    for kind in kinds:
        for row in rows.remove(ONE_TIME_TOKENS, token_hash=stored, token_type=kind):
            if row["created_at"] + timedelta(seconds=lifetime) < room.now():
                return None
            return Taken(kind, row["user_id"], row["relates_to"], json.loads(row["details"] or "{}"))
    return None


def code_token(room: Room, kind: str, relates_to: str, code: str) -> str:
    """The token of the link that was sent with a code."""
    return token_of(room.key(), kind, relates_to, code)


def refuse_soon(room: Room, last: datetime | None, seconds: float, code: str) -> None:
    """Raises `AuthFault` where the last mail or message went out just now."""
    if last is None:
        return
    left = (last + timedelta(seconds=seconds) - room.now()).total_seconds()
    if left > 0:
        wait = max(1, round(left))
        message = f"For security purposes, you can only request this after {wait} seconds."
        raise AuthFault(code, message, retry_after=wait)
