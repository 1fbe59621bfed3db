"""The page that asks somebody whether an app may sign them in, where this is a provider."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from undercroft.auth.errors import AuthFault
from undercroft.auth.routes.hosted.visit import PREFIX, SOMEBODY, Shown, Visit
from undercroft.auth.service import authorizing, clients
from undercroft.web.types import Answer

_SCOPES = {
    "openid": "Know who you are",
    "email": "Read your email address",
    "phone": "Read your phone number",
    "profile": "Read your profile",
}


async def asked(visit: Visit) -> Answer:
    """What an app asks for; who let it in before goes on at once. Raises `AuthFault`."""
    clients.require_provider(visit.room)
    its_id = visit.typed("authorization_id") or visit.query.get("authorization_id", "")
    try:
        told: dict[str, Any] = await authorizing.details(visit.room, visit.user, visit.session, its_id, visit.caller)
    except AuthFault as fault:
        if fault.code != "reauthentication_needed":
            raise
        visit.fault = None
        here = f"{PREFIX}/consent?{urlencode({'authorization_id': its_id})}"
        return visit.page("again.html", here=here)
    if "redirect_url" in told:
        return visit.go(told["redirect_url"])
    uri = told["redirect_uri"]
    scopes = [_SCOPES.get(scope, scope) for scope in told["scope"].split()]
    place = urlsplit(uri).netloc or uri.partition(":")[0]
    return visit.page("consent.html", to=uri, app=told["client"], scopes=scopes, place=place, its_id=its_id)


async def decided(visit: Visit) -> Answer:
    """Yes or no, and back to the app with it. Raises `AuthFault`."""
    clients.require_provider(visit.room)
    action = "approve" if visit.typed("do") == "approve" else "deny"
    its_id = visit.typed("authorization_id")
    told = await authorizing.decide(visit.room, visit.user, visit.session, its_id, action, visit.caller)
    return visit.go(told["redirect_url"])


PAGES = [Shown("/consent", asked, decided, SOMEBODY, limit="oauth_requests")]
