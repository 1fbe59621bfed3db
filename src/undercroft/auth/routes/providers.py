"""Signing in by other places, the identities of an account, and places that an admin adds."""

from __future__ import annotations

from urllib.parse import urlencode

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.routes.asked import ADMIN, USER, Asked, Route, nothing, sent_to, told
from undercroft.auth.service import custom_providers, id_tokens, linking, providers
from undercroft.auth.service.room import Room
from undercroft.auth.types.provider_asks import Authorize, CustomProvider, IdTokenGrant
from undercroft.web.types import Answer, Header

_OWN = (
    "provider", "redirect_to", "scopes", "invite_token", "code_challenge", "code_challenge_method",
    "skip_http_redirect", "apikey", "ticket",
)  # fmt: skip
UNTOLD: Header = (b"referrer-policy", b"no-referrer")
"""Codes and states are in addresses: no page that comes after hears of them."""
_LONGEST_FORM = 64 * 1024


async def authorize(room: Room, asked: Asked) -> Answer:
    """`GET /authorize`: a browser goes to a place. A call that only wants to know the address is told one of ours, for
    the browser is bound as it leaves."""
    if asked.request.method == "HEAD":
        return nothing()
    query = asked.query
    if ticket := query.get("ticket"):
        return _sent(await providers.follow_ticket(room, ticket))
    ask = _ask(room, asked)
    if query.get("skip_http_redirect") == "true" and not _is_navigation(asked):
        await providers.checked(room, ask)
        kept = {name: value for name, value in query.items() if name != "skip_http_redirect"}
        return told({"provider": ask.provider, "url": f"{room.address}/authorize?{urlencode(kept)}"})
    return _sent(await providers.authorize(room, ask))


async def callback(room: Room, asked: Asked) -> Answer:
    """`GET /callback`. Who only looks (HEAD) uses nothing up."""
    if asked.request.method == "HEAD":
        return nothing()
    return _sent(
        await providers.come_back(room, asked.query, cookies_of(asked).get, asked.caller, asked.parameters.get("place"))
    )


async def posted_callback(room: Room, asked: Asked) -> Answer:
    """`POST /callback`, by a form: so Apple sends people back."""
    values, place = await asked.form(_LONGEST_FORM, 50), asked.parameters.get("place")
    return _sent(await providers.come_back(room, values, cookies_of(asked).get, asked.caller, place))


async def authorize_link(room: Room, asked: Asked) -> Answer:
    """`GET /user/identities/authorize`."""
    url = await providers.ask_link(room, _ask(room, asked), asked.user, asked.session)
    if asked.query.get("skip_http_redirect") == "true":
        return told({"url": url})
    return sent_to(url, 302, UNTOLD)


async def unlink(room: Room, asked: Asked) -> Answer:
    """`DELETE /user/identities/{identity_id}`."""
    await linking.unlink(room, asked.user, asked.session, asked.id("identity_id"), asked.caller)
    return told({})


async def id_token(room: Room, asked: Asked) -> Answer:
    """`POST /token?grant_type=id_token`."""
    await asked.limited(room, "sign_in_sign_ups")
    ask = await asked.from_person(room, IdTokenGrant)
    if not ask.link_identity:
        return told(await id_tokens.sign_in(room, ask, asked.caller, asked.redirect_to(room)))
    await asked.identified(USER)
    if asked.is_app:
        raise AuthFault("insufficient_scope", "A token that was given to an app does not do this")
    return told(await id_tokens.link(room, ask, asked.user, asked.session, asked.caller))


async def list_custom(room: Room, asked: Asked) -> Answer:
    """`GET /admin/custom-providers`."""
    return told(await custom_providers.listed(room, asked.query.get("type")))


async def create_custom(room: Room, asked: Asked) -> Answer:
    """`POST /admin/custom-providers`."""
    return told(await custom_providers.create(room, await asked.body(CustomProvider)), 201)


async def show_custom(room: Room, asked: Asked) -> Answer:
    """`GET /admin/custom-providers/{identifier}`."""
    return told(await custom_providers.show(room, asked.parameters["identifier"]))


async def change_custom(room: Room, asked: Asked) -> Answer:
    """`PUT /admin/custom-providers/{identifier}`."""
    ask = await asked.body(CustomProvider)
    return told(await custom_providers.change(room, asked.parameters["identifier"], ask))


async def remove_custom(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/custom-providers/{identifier}`."""
    await custom_providers.remove(room, asked.parameters["identifier"])
    return nothing()


def _ask(room: Room, asked: Asked) -> Authorize:
    """Where somebody wants to go. Raises `AuthFault`."""
    query = asked.query
    if len(asked.request.query) > 8192:
        raise validation_failed("The query is too long")
    if not query.get("provider"):
        raise AuthFault("validation_failed", "Unsupported provider: provider could not be found")
    return Authorize(
        provider=query["provider"],
        redirect_to=asked.redirect_to(room),
        scopes=query.get("scopes", ""),
        invite_token=query.get("invite_token", ""),
        code_challenge=query.get("code_challenge") or None,
        code_challenge_method=query.get("code_challenge_method") or None,
        more={name: value for name, value in query.items() if name not in _OWN},
    )


def _is_navigation(asked: Asked) -> bool:
    """Whether a browser shows what is answered: then it goes, whatever the address says."""
    mode = asked.request.header(b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    return b"text/html" in (asked.request.header(b"accept") or b"")


def cookies_of(asked: Asked) -> dict[str, str]:
    """Cookies by name (RFC 6265, 5.4); of several of one name, the first."""
    found: dict[str, str] = {}
    for name, value in asked.request.headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.partition("=")
                found.setdefault(key.strip(), text.strip())
    return found


def _sent(sent: providers.Sent) -> Answer:
    cookies: list[Header] = [(b"set-cookie", sent.cookie.encode("ascii"))] if sent.cookie else []
    return sent_to(sent.address, 302, UNTOLD, *cookies)


ROUTES = [
    Route("GET", "/authorize", authorize, limit="sign_in_sign_ups"),
    Route("GET", "/callback", callback),
    Route("POST", "/callback", posted_callback),
    Route("GET", "/callback/{place}", callback),
    Route("POST", "/callback/{place}", posted_callback),
    Route("GET", "/user/identities/authorize", authorize_link, USER),
    Route("DELETE", "/user/identities/{identity_id}", unlink, USER),
    Route("GET", "/admin/custom-providers", list_custom, ADMIN),
    Route("POST", "/admin/custom-providers", create_custom, ADMIN),
    Route("GET", "/admin/custom-providers/{identifier}", show_custom, ADMIN),
    Route("PUT", "/admin/custom-providers/{identifier}", change_custom, ADMIN),
    Route("DELETE", "/admin/custom-providers/{identifier}", remove_custom, ADMIN),
]
