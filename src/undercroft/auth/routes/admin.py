"""`/admin/…`: accounts and the audit log, for the service; and `/sessions`: one's own devices."""

from __future__ import annotations

from msgspec import Struct

from undercroft.auth.routes.asked import ADMIN, USER, Asked, Route, nothing, told
from undercroft.auth.routes.pages import numbered, paged
from undercroft.auth.service import admin, devices
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import AdminUser, DeleteUser
from undercroft.web.types import Answer


class ChangeFactor(Struct, frozen=True, kw_only=True):
    """`PUT /admin/users/{id}/factors/{id}`."""

    friendly_name: str | None = None
    phone: str | None = None


async def users(room: Room, asked: Asked) -> Answer:
    """`GET /admin/users`."""
    query = asked.query
    page = await admin.listed(room, *numbered(asked), query.get("filter", ""), query.get("aud"))
    return paged(
        room,
        asked,
        "/admin/users",
        page.number,
        page.size,
        page.total,
        {"users": page.entries, "aud": query.get("aud", "authenticated")},
    )


async def audit(room: Room, asked: Asked) -> Answer:
    """`GET /admin/audit`."""
    page = await admin.audit(room, *numbered(asked), asked.query.get("query", ""))
    return paged(room, asked, "/admin/audit", page.number, page.size, page.total, page.entries)


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
