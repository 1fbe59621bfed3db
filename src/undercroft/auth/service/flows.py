"""Ways in that end elsewhere than they began: in a browser that comes back from a mail, or from another place.

With PKCE (RFC 7636) what comes back is a code, and only who began can change it for a session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.codes import stored_of
from undercroft.auth.parts.sealing import PROVIDER_REFRESH_TOKEN, PROVIDER_TOKEN
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import changed
from undercroft.auth.service.linking import linked
from undercroft.auth.service.room import Room
from undercroft.auth.service.sessions import opened, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FLOWS, USERS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.people import Brought, Person

_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")
LIFETIME = 300.0
"""Seconds in which a code is to be changed for a session."""
_BEGUN = 3600.0 * 24
"""Seconds after which a way in that was begun leads nowhere."""


def check_challenge(challenge: str | None, method: str | None) -> tuple[str, str] | None:
    """The challenge of an ask and its method; None where there is none. Raises `AuthFault`."""
    if not challenge and not method:
        return None
    if not challenge or not method:
        raise validation_failed("PKCE flow requires code_challenge_method and code_challenge")
    if method.lower() not in ("s256", "plain"):
        raise validation_failed("code challenge method is one of s256 and plain")
    if not _CHALLENGE.fullmatch(challenge):
        raise validation_failed("code challenge has to be between 43 and 128 characters of A-Z a-z 0-9 . _ ~ -")
    return challenge, method.lower()


def begun(
    rows: Rows, room: Room, provider: str, method: str, challenge: tuple[str, str] | None, *,
    user_id: str | None = None, details: dict[str, Any] | None = None, flow_id: str | None = None,
) -> str:  # fmt: skip
    """A way in that somebody began; its id. `method` is what it will have been (`email/signup`, `oauth`, …)."""
    now, flow_id = room.now(), flow_id or str(uuid4())
    rows.add(
        FLOWS,
        id=flow_id,
        user_id=user_id,
        provider_type=provider,
        authentication_method=method,
        code_challenge=challenge[0] if challenge else None,
        code_challenge_method=challenge[1] if challenge else None,
        created_at=now,
        updated_at=now,
        details=json.dumps(details or {}),
    )
    return flow_id


def under_way(rows: Rows, room: Room, flow_id: str) -> Record | None:
    """A way in that was begun and has not ended."""
    flow = rows.one(FLOWS, id=flow_id)
    if flow is None or flow["created_at"] + timedelta(seconds=_BEGUN) < room.now():
        return None
    return flow


def with_code(rows: Rows, room: Room, flow: Record, user_id: str, **columns: Any) -> str:
    """The code with which a way in comes back. Raises `AuthFault` where it has come back before."""
    code, now = str(uuid4()), room.now()
    given = {"auth_code": stored_of(code), "auth_code_issued_at": now, "user_id": user_id, "updated_at": now, **columns}
    if not rows.change(FLOWS, {"id": flow["id"], "auth_code": None}, **given):
        raise AuthFault("flow_state_not_found", "invalid flow state, it was used before")
    return code


def came_back(
    rows: Rows, room: Room, flow: Record, user_id: str, brought: Brought, details: dict[str, Any] | None = None
) -> str:
    """The code with which a way over another place ends, whose state was used up when it came back."""
    code, ring, now, flow_id = str(uuid4()), room.sealing(), room.now(), str(uuid4())
    access, refresh = brought.access_token, brought.refresh_token
    rows.add(
        FLOWS,
        id=flow_id,
        user_id=user_id,
        auth_code=stored_of(code),
        auth_code_issued_at=now,
        provider_type=flow["provider_type"],
        authentication_method=flow["authentication_method"],
        code_challenge=flow["code_challenge"],
        code_challenge_method=flow["code_challenge_method"],
        provider_access_token=PROVIDER_TOKEN.seal(ring, flow_id, access) if access else None,
        provider_refresh_token=PROVIDER_REFRESH_TOKEN.seal(ring, flow_id, refresh) if refresh else None,
        created_at=now,
        updated_at=now,
        details=json.dumps(details or {}),
    )
    return code


async def exchange(room: Room, code: str, verifier: str, caller: Caller) -> Shape:
    """A session for a code. Raises `AuthFault`; a code is good for one try, right or wrong."""
    if not code or not verifier:
        raise AuthFault("validation_failed", "invalid request: both auth code and code verifier should be non-empty")

    def work(rows: Rows) -> tuple[Granted, Record] | AuthFault:
        found = rows.remove(FLOWS, auth_code=stored_of(code))
        if not found:
            return AuthFault("flow_state_not_found", "invalid flow state, no valid flow state found")
        flow = found[0]
        now = room.now()
        if (flow["auth_code_issued_at"] or flow["created_at"]) + timedelta(seconds=LIFETIME) < now:
            return AuthFault("flow_state_expired", "invalid flow state, flow state has expired")
        if not answers(flow, verifier):
            return AuthFault("bad_code_verifier", "code challenge does not match previously saved code verifier")
        try:
            return _entered(rows, room, flow, caller), flow
        except AuthFault as fault:
            return fault

    found = await room.write(work)
    if isinstance(found, AuthFault):
        raise found
    grant, flow = found
    told, ring = await tokens(room, grant), room.sealing()
    if flow["provider_access_token"]:
        told["provider_token"] = PROVIDER_TOKEN.open(ring, flow["id"], flow["provider_access_token"])
    if flow["provider_refresh_token"]:
        told["provider_refresh_token"] = PROVIDER_REFRESH_TOKEN.open(ring, flow["id"], flow["provider_refresh_token"])
    return told


def _entered(rows: Rows, room: Room, flow: Record, caller: Caller) -> Granted:
    """The session that a way leads to: a new one, or the one in which somebody asked for another identity, which is
    theirs only now that whoever asked has shown the verifier. Raises `AuthFault`."""
    link = json.loads(flow["details"] or "{}").get("link")
    if link:
        person = Person(**link["person"])
        return linked(rows, room, flow["user_id"], link["session"], flow["provider_type"], person, caller)
    user = rows.one(USERS, id=flow["user_id"]) if flow["user_id"] else None
    if user is None or user["deleted_at"] is not None:
        raise AuthFault("user_not_found", "User not found")
    ends = json.loads(flow["details"] or "{}").get("not_after")
    method = flow["authentication_method"]
    grant = opened(rows, room, user, caller, method if method.startswith("sso/") else method.partition("/")[0],
                   not_after=datetime.fromisoformat(ends) if ends else None)  # fmt: skip
    changed(rows, room, user)
    return grant


def answers(flow: Record, verifier: str) -> bool:
    """Whether a verifier is that of a challenge (RFC 7636, 4.6)."""
    expected = flow["code_challenge"] or ""
    given = verifier
    if flow["code_challenge_method"] == "s256":
        given = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
