"""Organisations of an app, wired: what the settings say of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from undercroft.access.actor import SERVICE
from undercroft.app.blueprint import Blueprint
from undercroft.auth.parts.addresses import email_of
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.organisations import Terms
from undercroft.organisations.store import belonging
from undercroft.pipeline.run import Pipeline
from undercroft.sql.prepared import prepare


def terms_of(settings: Settings, clock: Clock) -> Terms:
    """What holds for organisations. Raises `SetupFault` for a page that has no address."""
    given = settings.auth.organisations
    return Terms(
        clock.now,
        email_of,
        page_of(settings.auth.site_url, given.invitation_url),
        given.invitation_expiry,
        given.invitations_per_hour,
        given.max_per_user,
    )


def belonging_of(
    app: Blueprint, pipeline: Pipeline, settings: Settings
) -> Callable[[str], Awaitable[dict[str, Any]]] | None:
    """What access tokens say of somebody's organisations, in `app_metadata`; None where they say nothing."""
    given = settings.auth.organisations
    if app.organised is None or not given.claims:
        return None
    statement = prepare(belonging(app.organised.rows, given.max_claims + 1), pipeline.engine.dialect)

    async def told(user_id: str) -> dict[str, Any]:
        async with pipeline.logic(SERVICE, read_only=True) as transaction:  # the second wall hides it from all others
            rows = await transaction.fetch(statement.text, statement.args(user_id=user_id))
        roles = {str(organisation): role for organisation, role in rows[: given.max_claims]}
        return {"org_roles": roles} | ({"org_roles_more": True} if len(rows) > given.max_claims else {})

    return told


def page_of(site_url: str, page: str) -> str:
    """The address of a page that is given below another address, or whole. Raises `SetupFault`."""
    if page.startswith("/"):
        return f"{site_url.rstrip('/')}{page}"
    if urlsplit(page).scheme not in ("http", "https"):
        raise SetupFault(
            f"[auth.organisations] invitation_url is no address: {page}", hint="/invitation, or https://…/invitation"
        )
    return page
