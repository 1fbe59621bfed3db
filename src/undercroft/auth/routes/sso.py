"""Single sign-on by SAML 2.0, and the identity providers that an admin adds."""

from __future__ import annotations

from undercroft.auth.errors import validation_failed
from undercroft.auth.parts.saml.documents import LARGEST
from undercroft.auth.routes.asked import ADMIN, Asked, Route, nothing, sent_to, told
from undercroft.auth.routes.providers import UNTOLD, cookies_of
from undercroft.auth.service import sso, sso_providers
from undercroft.auth.service.room import Room
from undercroft.auth.types.sso_asks import SignOn, SsoProvider
from undercroft.web.types import Answer, Header

_LONGEST_FORM = LARGEST * 2
_KEPT: Header = (b"cache-control", b"public, max-age=600")


async def begin(room: Room, asked: Asked) -> Answer:
    """`POST /sso`."""
    ask = await asked.from_person(room, SignOn)
    url = await sso.begin(room, ask, asked.redirect_to(room, ask.redirect_to))
    return told({"url": url}) if ask.skip_http_redirect else sent_to(url, 303, UNTOLD)


async def leave(room: Room, asked: Asked) -> Answer:
    """`GET /sso`: a browser goes to the identity provider. Who only looks (HEAD) uses nothing up."""
    if asked.request.method == "HEAD":
        return nothing()
    return _sent(await sso.leave(room, asked.query.get("ticket", "")))


async def metadata(room: Room, asked: Asked) -> Answer:
    """`GET /saml/metadata`."""
    body = sso_providers.party_of(room).metadata()
    headers: list[Header] = [(b"content-type", b"application/samlmetadata+xml"), _KEPT]
    if asked.query.get("download") == "true":
        headers.append((b"content-disposition", b'attachment; filename="metadata.xml"'))
    return Answer(200, tuple(headers), body)


async def consume(room: Room, asked: Asked) -> Answer:
    """`POST /saml/acs`, by a form that an identity provider made."""
    values = await asked.form(_LONGEST_FORM, 20)
    if values.get("SAMLArt"):
        raise validation_failed("SAML artifacts are not taken: responses come by HTTP-POST")
    return _sent(await sso.come_back(room, values, cookies_of(asked).get, asked.caller))


async def list_providers(room: Room, asked: Asked) -> Answer:
    """`GET /admin/sso/providers`."""
    query = asked.query
    return told(await sso_providers.listed(room, query.get("resource_id"), query.get("resource_id_prefix")))


async def create_provider(room: Room, asked: Asked) -> Answer:
    """`POST /admin/sso/providers`."""
    return told(await sso_providers.create(room, await asked.body(SsoProvider), asked.caller))


async def show_provider(room: Room, asked: Asked) -> Answer:
    """`GET /admin/sso/providers/{provider_id}`."""
    return told(await sso_providers.show(room, asked.parameters["provider_id"]))


async def change_provider(room: Room, asked: Asked) -> Answer:
    """`PUT /admin/sso/providers/{provider_id}`."""
    ask = await asked.body(SsoProvider)
    return told(await sso_providers.change(room, asked.parameters["provider_id"], ask, asked.caller))


async def remove_provider(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/sso/providers/{provider_id}`."""
    return told(await sso_providers.remove(room, asked.parameters["provider_id"], asked.caller))


def _sent(leaving: sso.Leaving) -> Answer:
    cookies: list[Header] = [(b"set-cookie", leaving.cookie.encode("ascii"))] if leaving.cookie else []
    if leaving.page is not None:
        headers, body = leaving.page
        return Answer(200, (*headers, *cookies), body)
    return sent_to(leaving.address or "", 302, UNTOLD, *cookies)


ROUTES = [
    Route("POST", "/sso", begin, limit="sign_in_sign_ups"),
    Route("GET", "/sso", leave),
    Route("GET", "/saml/metadata", metadata),
    Route("POST", "/saml/acs", consume, limit="saml_assertions"),
    Route("GET", "/admin/sso/providers", list_providers, ADMIN),
    Route("POST", "/admin/sso/providers", create_provider, ADMIN),
    Route("GET", "/admin/sso/providers/{provider_id}", show_provider, ADMIN),
    Route("PUT", "/admin/sso/providers/{provider_id}", change_provider, ADMIN),
    Route("DELETE", "/admin/sso/providers/{provider_id}", remove_provider, ADMIN),
]
