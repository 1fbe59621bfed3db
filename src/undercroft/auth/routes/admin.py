"""`/admin/…`: accounts and the audit log, for the service; and `/sessions`: one's own devices."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from undercroft.auth.errors import validation_failed
from undercroft.auth.routes.asked import ADMIN, USER, Asked, Route, nothing, told
from undercroft.auth.service import admin, devices
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import AdminUser, DeleteUser
from undercroft.web.types import Answer

_FAR = 10_000_000
"""The last page that may be asked for."""


class ChangeFactor(Struct, frozen=True, kw_only=True):
    """`PUT /admin/users/{id}/factors/{id}`."""

    friendly_name: str | None = None
    phone: str | None = None


async def users(room: Room, asked: Asked) -> Answer:
    """`GET /admin/users`."""
    query = asked.query
    page = await admin.listed(room, *_page(asked), query.get("filter", ""), query.get("aud"))
    return _paged(room, asked, page, {"users": page.entries, "aud": query.get("aud", "authenticated")})


async def audit(room: Room, asked: Asked) -> Answer:
    """`GET /admin/audit`."""
    page = await admin.audit(room, *_page(asked), asked.query.get("query", ""))
    return _paged(room, asked, page, page.entries)


async def create(room: Room, asked: Asked) -> Answer:
    """`POST /admin/users`."""
    return told(await admin.create(room, await asked.body(AdminUser), asked.caller))


async def show(room: Room, asked: Asked) -> Answer:
    """`GET /admin/users/{user_id}`."""
    return told(await admin.show(room, asked.id("user_id")))


async def change(room: Room, asked: Asked) -> Answer:
    """`PUT /admin/users/{user_id}`."""
    user_id = asked.id("user_id")
    return told(await admin.change(room, user_id, await asked.body(AdminUser), asked.caller))


async def delete(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/users/{user_id}`."""
    user_id = asked.id("user_id")
    ask = await asked.body(DeleteUser)
    return told(await admin.delete(room, user_id, softly=ask.should_soft_delete, caller=asked.caller))


async def factors(room: Room, asked: Asked) -> Answer:
    """`GET /admin/users/{user_id}/factors`."""
    return told(await admin.factors(room, asked.id("user_id")))


async def change_factor(room: Room, asked: Asked) -> Answer:
    """`PUT /admin/users/{user_id}/factors/{factor_id}`."""
    user_id, factor_id = asked.id("user_id"), asked.id("factor_id")
    ask = await asked.body(ChangeFactor)
    return told(await admin.change_factor(room, user_id, factor_id, ask.friendly_name, ask.phone, asked.caller))


async def delete_factor(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/users/{user_id}/factors/{factor_id}`."""
    user_id, factor_id = asked.id("user_id"), asked.id("factor_id")
    return told(await admin.delete_factor(room, user_id, factor_id, asked.caller))


async def sessions(room: Room, asked: Asked) -> Answer:
    """`GET /sessions`: the devices on which the caller is signed in. Ours; GoTrue has no such thing."""
    return told({"sessions": await devices.listed(room, asked.user, asked.session)})


async def end_session(room: Room, asked: Asked) -> Answer:
    """`DELETE /sessions/{session_id}`: sign one of them out. Ours."""
    await devices.end(room, asked.user, asked.id("session_id"), asked.caller)
    return nothing()


# --- pages ---


def _page(asked: Asked) -> tuple[int, int]:
    """Which page, and how long. Raises `AuthFault`."""
    return _number(asked, "page", 1, _FAR), min(_number(asked, "per_page", 50, _FAR), admin.MOST)


def _number(asked: Asked, name: str, default: int, most: int) -> int:
    text = asked.query.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= most:
        raise validation_failed(f"{name} must be a number from 1 on")
    return int(text[:9])


def _paged(room: Room, asked: Asked, page: admin.Page, body: Any) -> Answer:
    """A page with its neighbours, as auth-js reads them: it takes what stands behind the first `=` of an address."""
    path = asked.request.path.decode("latin-1").rstrip("/").rpartition("/")[2]
    last = max(1, -(-page.total // page.size))
    more = {name: value for name, value in asked.query.items() if name not in ("page", "per_page")}

    def link(number: int, rel: str) -> str:
        query = urlencode({"page": number, "per_page": page.size, **more})
        return f'<{room.address}/admin/{path}?{query}>; rel="{rel}"'

    links = [link(page.number + 1, "next")] if page.number < last else []
    return told(
        body,
        200,
        (b"x-total-count", b"%d" % page.total),
        (b"link", ", ".join([*links, link(last, "last")]).encode("ascii")),
    )


ROUTES = [
    Route("GET", "/admin/users", users, ADMIN),
    Route("POST", "/admin/users", create, ADMIN),
    Route("GET", "/admin/users/{user_id}", show, ADMIN),
    Route("PUT", "/admin/users/{user_id}", change, ADMIN),
    Route("DELETE", "/admin/users/{user_id}", delete, ADMIN),
    Route("GET", "/admin/users/{user_id}/factors", factors, ADMIN),
    Route("PUT", "/admin/users/{user_id}/factors/{factor_id}", change_factor, ADMIN),
    Route("DELETE", "/admin/users/{user_id}/factors/{factor_id}", delete_factor, ADMIN),
    Route("GET", "/admin/audit", audit, ADMIN),
    Route("GET", "/sessions", sessions, USER),
    Route("DELETE", "/sessions/{session_id}", end_session, USER),
]
