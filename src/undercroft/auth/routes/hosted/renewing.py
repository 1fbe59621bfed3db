"""Somebody stays signed in on pages: cookies whose access token ran out are renewed by the refresh token beside it.

A browser asks for several pages at once, and each may come with the same refresh token. The same parent has the same
child (`service.sessions`), so all of them get one pair.
"""

from __future__ import annotations

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service import sessions
from undercroft.auth.service.hooks import CALLER
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room
from undercroft.auth.types import Caller
from undercroft.base.faults import Overloaded
from undercroft.web.callers import Network, address_of
from undercroft.web.cookies import ACCESS, LONGEST, REFRESH, Cookies, Renewed
from undercroft.web.types import Header, Request

_OVER = frozenset({
    "refresh_token_not_found", "refresh_token_already_used", "session_expired", "session_not_found", "user_banned",
    "user_not_found",
})  # fmt: skip
"""Faults after which nothing can be renewed by these cookies."""


class Renewing:
    """Implements `web.cookies.Renew`."""

    def __init__(self, room: Room, cookies: Cookies, proxies: tuple[Network, ...]) -> None:
        self._room = room
        self._cookies = cookies
        self._proxies = proxies

    async def __call__(self, request: Request) -> Renewed | None:
        """Another pair for a refresh token. Raises `Overloaded` where it cannot be had now."""
        text = self._cookies.of(request, REFRESH)
        if text is None:
            return None
        caller = caller_of(request, self._proxies)
        CALLER.set(caller)
        try:
            most = self._room.settings.rate_limit.token_refresh
            await self._room.limits.take(Limit("token_refresh", most, 300.0), caller.network)
            told = await sessions.refresh(self._room, text, caller)
        except AuthFault as fault:
            if fault.code in _OVER:
                return Renewed(None, over(self._cookies))
            raise Overloaded(
                "You cannot be kept signed in just now",
                hint="Try again in a while.",
                retry_after=fault.retry_after or 5,
            ) from fault
        return Renewed(told["access_token"], kept(self._cookies, told))


def caller_of(request: Request, proxies: tuple[Network, ...]) -> Caller:
    """Where a request comes from."""
    agent = (request.header(b"user-agent") or b"").decode("latin-1")
    return Caller(address_of(request, proxies), agent)


def kept(cookies: Cookies, told: Shape) -> tuple[Header, ...]:
    """The cookies of somebody who is signed in."""
    return (
        cookies.set(ACCESS, told["access_token"], told["expires_in"]),
        cookies.set(REFRESH, told["refresh_token"], LONGEST),
    )


def over(cookies: Cookies) -> tuple[Header, ...]:
    """The cookies of somebody who is signed in no more."""
    return cookies.taken(ACCESS), cookies.taken(REFRESH)
