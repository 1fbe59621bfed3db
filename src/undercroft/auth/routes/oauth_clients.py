"""`/oauth/clients/register` and `/admin/oauth/clients`: the apps that sign people in by this one."""

from __future__ import annotations

from undercroft.auth.routes.asked import ADMIN, Asked, Route, nothing, told
from undercroft.auth.routes.pages import numbered, paged
from undercroft.auth.service import clients
from undercroft.auth.service.room import Room
from undercroft.auth.types.oauth import ChangeClient, RegisterClient
from undercroft.web.types import Answer


async def register(room: Room, asked: Asked) -> Answer:
    """`POST /oauth/clients/register`."""
    clients.require_provider(room)
    return told(await clients.register(room, await asked.body(RegisterClient), asked.caller, dynamic=True), 201)


async def create(room: Room, asked: Asked) -> Answer:
    """`POST /admin/oauth/clients`."""
    clients.require_provider(room)
    return told(await clients.register(room, await asked.body(RegisterClient), asked.caller, dynamic=False), 201)


async def listed(room: Room, asked: Asked) -> Answer:
    """`GET /admin/oauth/clients`."""
    clients.require_provider(room)
    page = await clients.listed(room, *numbered(asked))
    return paged(room, asked, "/admin/oauth/clients", page.number, page.size, page.total, {"clients": page.entries})


async def show(room: Room, asked: Asked) -> Answer:
    """`GET /admin/oauth/clients/{client_id}`."""
    clients.require_provider(room)
    return told(await clients.show(room, asked.id("client_id")))


async def change(room: Room, asked: Asked) -> Answer:
    """`PUT /admin/oauth/clients/{client_id}`."""
    clients.require_provider(room)
    client_id = asked.id("client_id")
    return told(await clients.change(room, client_id, await asked.body(ChangeClient), asked.caller))


async def delete(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/oauth/clients/{client_id}`."""
    clients.require_provider(room)
    await clients.delete(room, asked.id("client_id"), asked.caller)
    return nothing()


async def regenerate(room: Room, asked: Asked) -> Answer:
    """`POST /admin/oauth/clients/{client_id}/regenerate_secret`."""
    clients.require_provider(room)
    return told(await clients.regenerate(room, asked.id("client_id"), asked.caller))


_ONE = "/admin/oauth/clients/{client_id}"
ROUTES = [
    Route("POST", "/oauth/clients/register", register, limit="oauth_registrations"),
    Route("GET", "/admin/oauth/clients", listed, ADMIN),
    Route("POST", "/admin/oauth/clients", create, ADMIN),
    Route("GET", _ONE, show, ADMIN),
    Route("PUT", _ONE, change, ADMIN),
    Route("DELETE", _ONE, delete, ADMIN),
    Route("POST", f"{_ONE}/regenerate_secret", regenerate, ADMIN),
]
