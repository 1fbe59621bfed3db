"""Identity providers of organisations: what an admin does with them, and what they are now by their metadata."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID, uuid4

from msgspec import UNSET

from undercroft.auth.backends.providers.calls import is_safe
from undercroft.auth.backends.service_provider import ServiceProvider, unfetched
from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.addresses import email_of
from undercroft.auth.parts.saml.attributes import check_mapping
from undercroft.auth.parts.saml.documents import Unreadable
from undercroft.auth.parts.saml.metadata import read
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.room import Room, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import SAML_PROVIDERS, SSO_DOMAINS, SSO_PROVIDERS
from undercroft.auth.types import Caller
from undercroft.auth.types.saml import FORMATS, IdentityProvider
from undercroft.auth.types.sso_asks import SsoProvider
from undercroft.base.faults import Fault

T = TypeVar("T")

RESOURCE = "resource_"
"""Begins the name of a provider by its `resource_id`, where its id would stand."""
_MOST_DOMAINS = 100
_LIVES = 86_400.0
_SHORTEST, _LONGEST = 300.0, 604_800.0
"""Seconds for which metadata from an address are taken as they are: by default, at least, at most."""


def party_of(room: Room) -> ServiceProvider:
    """Us, as identity providers know us. Raises `AuthFault` where SAML is off."""
    if room.saml is None:
        raise AuthFault("saml_provider_disabled", "SAML 2.0 is disabled")
    return room.saml


def missing() -> AuthFault:
    """A provider that is not there, or not for now."""
    return AuthFault("sso_provider_not_found", "No such SSO provider")


# --- what they are now ---


async def standing(room: Room, saml: Record) -> IdentityProvider:
    """A provider by its metadata, fetched anew where they are stale. Raises `AuthFault` where none are valid."""
    party = party_of(room)
    known = _parsed(saml["metadata_xml"])
    if saml["metadata_url"] and _is_stale(room, saml, known):
        async with party.lock(saml["id"]):
            if party.may_look(saml["id"]):
                known = await _renewed(room, party, saml, known)
    if known.valid_until is not None and known.valid_until <= room.now():
        room.log.warning("saml_metadata_expired", provider=saml["sso_provider_id"])
        raise unfetched()
    return known


def _is_stale(room: Room, saml: Record, known: IdentityProvider) -> bool:
    now = room.now()
    lives = min(max(known.cache_seconds or _LIVES, _SHORTEST), _LONGEST)
    return now > saml["updated_at"] + timedelta(seconds=lives) or (
        known.valid_until is not None and known.valid_until <= now
    )


async def _renewed(room: Room, party: ServiceProvider, saml: Record, known: IdentityProvider) -> IdentityProvider:
    """Newer metadata, of the same entity; those that are known where there are none."""
    try:
        xml = _text(await party.fetched(saml["metadata_url"]))
        found = _parsed(xml)
    except AuthFault as fault:
        room.log.warning("saml_metadata_not_fetched", provider=saml["sso_provider_id"], reason=fault.message)
        return known
    if found.entity_id != known.entity_id:
        room.log.warning("saml_metadata_of_another_entity", provider=saml["sso_provider_id"])
        return known
    where, now = {"id": saml["id"], "metadata_url": saml["metadata_url"]}, room.now()
    await room.write(lambda rows: rows.change(SAML_PROVIDERS, where, metadata_xml=xml, updated_at=now))
    return found


@lru_cache(256)
def _parsed(xml: str) -> IdentityProvider:
    try:
        return read(xml.encode())
    except Unreadable as problem:
        raise validation_failed(f"metadata_xml cannot be used: {problem}") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise validation_failed("metadata_xml cannot be used: it is not in UTF-8") from None


# --- what an admin does with them ---


async def listed(room: Room, resource_id: str | None, prefix: str | None) -> Shape:
    """`GET /admin/sso/providers`. Raises `AuthFault`."""
    party_of(room)

    def work(rows: Rows) -> list[Shape]:
        samls = {each["sso_provider_id"]: each for each in rows.all(SAML_PROVIDERS)}
        domains: dict[str, list[Record]] = {}
        for each in rows.all(SSO_DOMAINS):
            domains.setdefault(each["sso_provider_id"], []).append(each)
        found = [each for each in rows.all(SSO_PROVIDERS) if each["id"] in samls]
        if resource_id is not None:
            found = [each for each in found if each["resource_id"] == resource_id]
        if prefix is not None:
            found = [each for each in found if (each["resource_id"] or "").startswith(prefix)]
        return [_shape(each, samls[each["id"]], domains.get(each["id"], []), whole=False) for each in found]

    return {"items": await room.read(work)}


async def show(room: Room, named: str) -> Shape:
    """`GET /admin/sso/providers/{id}`. Raises `AuthFault`."""
    party_of(room)
    return await room.read(lambda rows: _shape_of(rows, _named(rows, named)))


async def create(room: Room, ask: SsoProvider, caller: Caller) -> Shape:
    """`POST /admin/sso/providers`. Raises `AuthFault`."""
    party = party_of(room)
    if ask.type != "saml":
        raise validation_failed("Only 'saml' supported for SSO provider type")
    columns, saml_columns = _columns(ask)
    domains = _domains(ask.domains) if ask.domains is not UNSET else []
    found = await _metadata(party, ask)
    if found is None:
        raise validation_failed("Either metadata_url or metadata_xml must be set")
    known, xml = found
    now, provider_id = room.now(), str(uuid4())

    def work(rows: Rows) -> Shape:
        if rows.one(SAML_PROVIDERS, entity_id=known.entity_id) is not None:
            raise AuthFault("saml_idp_already_exists", "SAML Identity Provider with this EntityID already exists")
        _check_resource(rows, columns, provider_id)
        made = {"created_at": now, "updated_at": now}
        rows.add(SSO_PROVIDERS, id=provider_id, **columns, **made)
        rows.add(
            SAML_PROVIDERS, id=str(uuid4()), sso_provider_id=provider_id, entity_id=known.entity_id, metadata_xml=xml,
            metadata_url=ask.metadata_url or None, **saml_columns, **made,
        )  # fmt: skip
        _name_domains(rows, room, provider_id, domains)
        noted(rows, room, "sso_provider_created", None, caller, kind="team", traits={"provider_id": provider_id})
        return _shape_of(rows, provider_id)

    return await _unique(room, work)


async def change(room: Room, named: str, ask: SsoProvider, caller: Caller) -> Shape:
    """`PUT /admin/sso/providers/{id}`: the entity stays the same. Raises `AuthFault`."""
    party = party_of(room)
    columns, saml_columns = _columns(ask)
    domains = _domains(ask.domains) if ask.domains is not UNSET else None
    await room.read(lambda rows: _named(rows, named))
    found = await _metadata(party, ask)
    now = room.now()
    if found is not None:
        saml_columns |= {"metadata_xml": found[1], "metadata_url": ask.metadata_url or None}

    def work(rows: Rows) -> Shape:
        provider_id = _named(rows, named)
        saml = rows.one(SAML_PROVIDERS, locked=True, sso_provider_id=provider_id)
        if saml is None:
            raise missing()
        if found is not None and found[0].entity_id != saml["entity_id"]:
            raise AuthFault("saml_entity_id_mismatch", "SAML Metadata can be updated only if the EntityID matches")
        _check_resource(rows, columns, provider_id)
        rows.change(SSO_PROVIDERS, {"id": provider_id}, **columns, updated_at=now)
        if saml_columns:
            rows.change(SAML_PROVIDERS, {"id": saml["id"]}, **saml_columns, updated_at=now)
        if domains is not None:
            _name_domains(rows, room, provider_id, domains)
        noted(rows, room, "sso_provider_updated", None, caller, kind="team", traits={"provider_id": provider_id})
        return _shape_of(rows, provider_id)

    return await _unique(room, work)


async def remove(room: Room, named: str, caller: Caller) -> Shape:
    """`DELETE /admin/sso/providers/{id}`. Its people stay, and come in by it no more. Raises `AuthFault`."""
    party_of(room)

    def work(rows: Rows) -> Shape:
        provider_id = _named(rows, named)
        told = _shape_of(rows, provider_id)
        rows.remove(SSO_PROVIDERS, id=provider_id)
        noted(rows, room, "sso_provider_deleted", None, caller, kind="team", traits={"provider_id": provider_id})
        return told

    return await room.write(work)


# --- what they say ---


def _columns(ask: SsoProvider) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of the provider, and of how it speaks SAML. Raises `AuthFault`."""
    columns: dict[str, Any] = {}
    if ask.resource_id is not UNSET:
        if ask.resource_id and (
            len(ask.resource_id) > 255 or not ask.resource_id.isprintable() or "/" in ask.resource_id
        ):
            raise validation_failed("resource_id is a text of at most 255 characters, without a slash")
        columns["resource_id"] = ask.resource_id or None
    if ask.disabled is not UNSET:
        columns["disabled"] = bool(ask.disabled)
    saml: dict[str, Any] = {}
    if ask.attribute_mapping is not UNSET:
        saml["attribute_mapping"] = check_mapping(ask.attribute_mapping or {})
    if ask.name_id_format is not UNSET:
        if ask.name_id_format and ask.name_id_format not in FORMATS:
            raise validation_failed(f"name_id_format is one of {', '.join(FORMATS)}")
        saml["name_id_format"] = ask.name_id_format or None
    return columns, saml


def _domains(given: list[str]) -> list[str]:
    """Names of domains, each once. Raises `AuthFault`."""
    found: dict[str, None] = {}
    for name in given:
        domain = domain_of(name)
        if domain is None:
            raise validation_failed(f"domains has {name[:100]!r}, which is the name of no domain")
        found[domain] = None
    if len(found) > _MOST_DOMAINS:
        raise validation_failed(f"A provider has at most {_MOST_DOMAINS} domains")
    return list(found)


def domain_of(text: str) -> str | None:
    """A domain as it stands behind the @ of stored addresses; None for what is none."""
    email = email_of(f"x@{text.strip()}") if "@" not in text else None
    return email.removeprefix("x@") if email else None


async def _metadata(party: ServiceProvider, ask: SsoProvider) -> tuple[IdentityProvider, str] | None:
    """What an admin gave, by hand or by an address. Raises `AuthFault`."""
    if ask.metadata_url and ask.metadata_xml:
        raise validation_failed("Only one of metadata_url or metadata_xml needs to be set")
    if ask.metadata_xml:
        return _parsed(ask.metadata_xml), ask.metadata_xml
    if not ask.metadata_url:
        return None
    if not is_safe(ask.metadata_url):
        raise validation_failed("metadata_url is not a HTTPS URL")
    xml = _text(await party.fetched(ask.metadata_url))
    return _parsed(xml), xml


def _named(rows: Rows, named: str) -> str:
    """The id of a provider, by itself or by its `resource_id`. Raises `AuthFault`."""
    if named.startswith(RESOURCE) and named.isprintable():
        row = rows.one(SSO_PROVIDERS, resource_id=named.removeprefix(RESOURCE))
    else:
        try:
            row = rows.one(SSO_PROVIDERS, id=str(UUID(named)))
        except ValueError:
            row = None
    if row is None:
        raise missing()
    its_id: str = row["id"]
    return its_id


def _check_resource(rows: Rows, columns: dict[str, Any], provider_id: str) -> None:
    if columns.get("resource_id"):
        there = rows.one(SSO_PROVIDERS, resource_id=columns["resource_id"])
        if there is not None and there["id"] != provider_id:
            raise validation_failed("resource_id is that of another provider")


def _name_domains(rows: Rows, room: Room, provider_id: str, domains: list[str]) -> None:
    """The domains of a provider are these. Raises `AuthFault` where one is another's."""
    now, held = room.now(), {each["domain"] for each in rows.all(SSO_DOMAINS, sso_provider_id=provider_id)}
    for domain in held - set(domains):
        rows.remove(SSO_DOMAINS, domain=domain)
    for domain in domains:
        there = rows.one(SSO_DOMAINS, domain=domain)
        if there is None:
            rows.add(SSO_DOMAINS, id=str(uuid4()), sso_provider_id=provider_id, domain=domain, created_at=now,
                     updated_at=now)  # fmt: skip
        elif there["sso_provider_id"] != provider_id:
            message = f"SSO Domain '{domain}' is already assigned to an SSO identity provider"
            raise AuthFault("sso_domain_already_exists", message)


async def _unique(room: Room, work: Callable[[Rows], T]) -> T:
    """Two at once may make the same: the one that comes second is told so, for now the first one is there."""
    try:
        return await room.write(work)
    except Fault as fault:
        if fault.code != "23505":
            raise
    return await room.write(work)


def _shape_of(rows: Rows, provider_id: str) -> Shape:
    row, saml = rows.one(SSO_PROVIDERS, id=provider_id), rows.one(SAML_PROVIDERS, sso_provider_id=provider_id)
    if row is None or saml is None:
        raise missing()
    return _shape(row, saml, rows.all(SSO_DOMAINS, sso_provider_id=provider_id), whole=True)


def _shape(row: Record, saml: Record, domains: list[Record], *, whole: bool) -> Shape:
    """`SSOProviderSchema`; a list leaves the metadata out."""
    told: Shape = {"id": row["id"]}
    if row["resource_id"]:
        told["resource_id"] = row["resource_id"]
    told["disabled"] = bool(row["disabled"])
    how: Shape = {"entity_id": saml["entity_id"]}
    if whole:
        how["metadata_xml"] = saml["metadata_xml"]
    how |= {name: saml[name] for name in ("metadata_url", "attribute_mapping", "name_id_format") if saml[name]}
    told["saml"] = how
    names = [{"id": each["id"], "domain": each["domain"]} | _stamps(each) for each in domains]
    # The published description has one name for them, GoTrue's answers the other.
    told["domains"] = told["sso_domains"] = names
    return told | _stamps(row)


def _stamps(row: Record) -> Shape:
    return {name: told_moment(row[name]) for name in ("created_at", "updated_at")}
