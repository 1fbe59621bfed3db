"""Inviting people, and links that the service hands out itself."""

from __future__ import annotations

from undercroft.auth.routes.asked import ADMIN, Asked, Route, told
from undercroft.auth.service import inviting, linking_admin
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import GenerateLink, Invite
from undercroft.web.types import Answer


async def invite(room: Room, asked: Asked) -> Answer:
    """`POST /invite`."""
    return told(await inviting.invite(room, await asked.body(Invite), asked.caller, asked.redirect_to(room)))


async def generate_link(room: Room, asked: Asked) -> Answer:
    """`POST /admin/generate_link`."""
    ask = await asked.body(GenerateLink)
    redirect_to = asked.redirect_to(room, ask.redirect_to)
    return told(await linking_admin.generate_link(room, ask, asked.caller, redirect_to))


ROUTES = [
    Route("POST", "/invite", invite, ADMIN),
    Route("POST", "/admin/generate_link", generate_link, ADMIN),
]
