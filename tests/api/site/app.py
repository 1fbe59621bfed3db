"""A small site: pages with forms, static files, and a single-page application."""

from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft import App, Context, Fault, FormErrors, Page, Redirect, Upload, WebRequest, auth


class Notebook(DeclarativeBase):
    """Its own base."""


class Note(Notebook):
    __tablename__ = "site_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    owner: Mapped[str] = mapped_column(default="nobody")
    tags: Mapped[list[Tag]] = relationship()


class Tag(Notebook):
    __tablename__ = "site_tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("site_notes.id", ondelete="CASCADE"))
    word: Mapped[str]


class NoteForm(BaseModel):
    """What somebody writes down."""

    text: str = Field(min_length=2, max_length=200)
    count: int | None = None


app = App(models=Notebook, title="Site")


@app.policy(Note, "select", to="authenticated")
def own(note: Any) -> Any:
    return note.owner == sa.cast(auth.uid, sa.String)


@app.policy(Note, "insert")
def anybody(note: Any) -> Any:
    return note.text != "forbidden"


@app.policy(Tag, "select", to="authenticated")
def seen(tag: Any) -> Any:
    return tag.word != "zqx7_s_tag"


@app.page("/")
async def home(ctx: Context) -> Page:
    notes = list(await ctx.session.scalars(sa.select(Note).order_by(Note.id)))
    return Page("notes.html", title="Home", notes=notes)


@app.page("/notes/new", methods=("GET", "POST"))
async def contact(ctx: Context, errors: FormErrors, form: NoteForm | None = None) -> Page | Redirect:
    if form is None:
        return Page("contact.html", status=422 if errors else 200, errors=errors)
    ctx.session.add(Note(text=form.text))
    await ctx.session.flush()
    if form.text == "fault":
        raise Fault("<b>not today</b>", code="P0001")
    return Redirect(f"/notes/{form.count or 1}")


@app.page("/notes/{number}")
async def note(ctx: Context, number: int, more: str = "") -> Page:
    return Page("notes.html", title=f"Note {number} {more}", notes=[])


@app.page("/plain", methods=("POST",))
async def plain(ctx: Context, form: NoteForm) -> Redirect:
    return Redirect("/")


@app.page("/files", methods=("POST",))
async def files(ctx: Context, form: Any, request: WebRequest) -> Redirect:
    found = (await request.form()).file("file")
    return Redirect(f"/notes/{len(found.data) if isinstance(found, Upload) else 0}")


@app.page("/members", to="authenticated")
async def members(ctx: Context) -> Page:
    return Page("notes.html", title="Members", notes=[])


@app.page("/open", public=True)
async def public(ctx: Context) -> Page:
    return Page("notes.html", title="Open", notes=[])


@app.page("/script")
async def script(ctx: Context, text: str) -> Page:
    return Page("script.html", data=text)


@app.page("/broken")
async def broken(ctx: Context) -> Page:
    ctx.session.add(Note(text="of a broken page"))
    await ctx.session.flush()
    return Page("broken.html")


@app.page("/go")
async def go(ctx: Context, to: str) -> Redirect:
    return Redirect(to)


@app.page("/header")
async def header(ctx: Context, value: str) -> Page:
    return Page("notes.html", headers={"x-said": value}, title="", notes=[])


@app.page("/slow", timeout=0.05)
async def slow(ctx: Context) -> Page:
    await asyncio.sleep(5)
    return Page("notes.html", title="", notes=[])


app.static("/assets", "static")
app.spa("/app", "built", immutable="assets/")


def another() -> App:
    """The same site once more: one that is served is served once."""
    fresh = App(models=Notebook, title=app.title)
    fresh.policies, fresh.pages, fresh.files = app.policies, app.pages, app.files
    return fresh
