"""Codes and links that are sent to people: one of each kind for an account, good for a while, once."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

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
TRIES = 10
"""Codes that are tried on one that was sent, at most: six digits are not to be guessed. Its link is good all the
same, so that nobody takes away by guessing what somebody else was sent."""


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

    @property
    def flow(self) -> str | None:
        """The way in that goes on with it, where there is one."""
        found = self.details.get("flow")
        return str(found) if found else None


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
            return None if _is_over(row, room, lifetime) else _of(row)
    return None


def tried(
    rows: Rows, room: Room, kinds: Iterable[str], relates_to: str, code: str, lifetime: float, *,
    user_id: str | None = None,
) -> Taken | None:  # fmt: skip
    """Use up the one whose code this is, among those that were sent to an address; None where it is of none.

    A wrong code counts against each of them. Rows are locked first, so that many who guess at once are counted, too;
    the caller must not undo that by raising.
    """
    where: dict[str, Any] = {"relates_to": relates_to} | ({"user_id": user_id} if user_id else {})
    missed = []
    for kind in kinds:
        expected = stored_of(token_of(room.key(), kind, relates_to, code))
        for row in rows.all(ONE_TIME_TOKENS, locked=True, token_type=kind, **where):
            if row["attempts"] >= TRIES or _is_over(row, room, lifetime):
                continue
            is_right = hmac.compare_digest(row["token_hash"], expected)
            if is_right and rows.remove(ONE_TIME_TOKENS, id=row["id"], token_hash=expected):
                return _of(row)
            missed.append(row)
    for row in missed:
        rows.change(ONE_TIME_TOKENS, {"id": row["id"]}, attempts=row["attempts"] + 1)
    return None


def forgotten(rows: Rows, user_id: str, *kinds: str) -> None:
    """Have those that somebody was sent be good no more: of these kinds, or of all."""
    if not kinds:
        rows.remove(ONE_TIME_TOKENS, user_id=user_id)
    for kind in kinds:
        rows.remove(ONE_TIME_TOKENS, user_id=user_id, token_type=kind)


def _is_over(row: Record, room: Room, lifetime: float) -> bool:
    return bool(row["created_at"] + timedelta(seconds=lifetime) < room.now())


def _of(row: Record) -> Taken:
    return Taken(row["token_type"], row["user_id"], row["relates_to"], json.loads(row["details"] or "{}"))
