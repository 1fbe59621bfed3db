"""An app with pages, on which people are signed in by cookies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from tests.api.auth.people import People, people
from undercroft import App, Context, Page, Redirect
from undercroft.models.base import NAMES

SETTINGS = {"ui_enabled": "true", "UNDERCROFT_API_EXTERNAL_URL": "https://api.example.com"}


def app_with_pages() -> App:
    """`/who` says who looks, `/send` takes a form, `/members` is for those who are in."""

    class PagedBase(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMES)

    app = App(PagedBase, title="Feast")

    @app.page("/who", methods=("GET", "POST"), public=True)
    async def who(ctx: Context) -> Page:
        return Page("who.html", email=ctx.auth.claims.get("email", ""))

    @app.page("/members", to="authenticated")
    async def members(ctx: Context) -> Page | Redirect:
        return Page("who.html", email=ctx.auth.claims.get("email", ""))

    @app.page("/broken")
    async def broken(ctx: Context) -> Page:
        raise LookupError("a page that fails")

    @app.function(methods=("GET",))
    async def whoami(ctx: Context) -> str:
        return ctx.auth.role

    return app


@contextmanager
def paged(folder: Path, server: str | None, **settings: object) -> Iterator[People]:
    """The house with pages."""
    with people(folder, server, app_with_pages(), **{**SETTINGS, **settings}) as made:
        yield made
