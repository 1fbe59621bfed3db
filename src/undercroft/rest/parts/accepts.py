"""The Accept header, decided once it is known what a resource can give: our own types, handlers of the database, plans.

Protocol: PostgREST's "resource representation", "media type handlers" and "execution plan" pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from undercroft.catalog.types import Handler
from undercroft.rest.errors import MediaFault, shown
from undercroft.rest.parts.media import CSV, JSON, JSON_STRIPPED, OBJECT, OBJECT_STRIPPED, Media
from undercroft.sql.database.explain import OPTIONS, Explained

ANY = "*/*"
_PLANS = {
    "application/vnd.pgrst.plan": "text",
    "application/vnd.pgrst.plan+text": "text",
    "application/vnd.pgrst.plan+json": "json",
}
_VENDOR = "application/vnd.pgrst."
_BYTES = "application/octet-stream"
_WITH_CHARSET = frozenset(
    {"application/json", "application/geo+json", "application/openapi+json", "text/csv", "text/plain", "text/xml"}
)


class Wanted(NamedTuple):
    """One member of an Accept header."""

    name: str
    parameters: Mapping[str, str]


class Handlers(NamedTuple):
    """The media types that a database makes for a resource: of its own rows or value, and of rows of every kind."""

    own: Mapping[str, Handler] = MappingProxyType({})
    general: Mapping[str, Handler] = MappingProxyType({})


class Decision(NamedTuple):
    """What an answer will be: one of our types, or (`handler`) one that the database makes by itself."""

    media: Media
    handler: Handler | None = None
    plan: Explained | None = None


def decide(header: str, handlers: Handlers, *, plans: bool) -> Decision:
    """The first type, by quality, exactness and place, that can be given; `plans`: so can those of query plans.

    Raises MediaFault (PGRST107) where there is none.
    """
    asked = wanted(header) or [Wanted(ANY, {})]
    for each in asked:
        found = _decided(each, handlers, plans)
        if found is not None:
            return found
    raise MediaFault(f"None of these media types are available: {shown(', '.join(each.name for each in asked))}")


def _decided(each: Wanted, handlers: Handlers, plans: bool) -> Decision | None:
    form = _PLANS.get(each.name)
    if form is not None:
        return _plan(each, form, handlers) if plans else None
    media = _ours(each)
    if each.name.startswith(_VENDOR) and media is not None:
        return Decision(media)  # not to be had otherwise
    every = handlers.own.get(ANY)
    if every is not None:
        return Decision(_made(each.name), every)
    found = handlers.own.get(each.name) or handlers.general.get(each.name)
    if found is not None:
        return Decision(_made(each.name), found)
    return Decision(media) if media is not None else None


def _made(name: str) -> Media:
    """A type that a handler makes. What is of no named type is bytes."""
    text = _BYTES if name == ANY else name
    return Media("json", text, bare=text not in _WITH_CHARSET)


def _plan(each: Wanted, form: str, handlers: Handlers) -> Decision | None:
    named = each.parameters.get("for", "application/json")
    about = next(iter(wanted(named)), Wanted("application/json", {}))
    decided = _decided(about, handlers, plans=False)
    if decided is None:
        return None
    asked = each.parameters.get("options", "").split("|")
    options = [word for word in OPTIONS if word in asked]
    text = f'{_VENDOR}plan+{form}; for="{decided.media.text}"'
    if options:
        text += f"; options={'|'.join(options)}"
    told = Explained("json" if form == "json" else "text", frozenset(options))
    return Decision(Media(decided.media.kind, text, decided.media.stripped), decided.handler, told)


def _ours(each: Wanted) -> Media | None:
    stripped = each.parameters.get("nulls") == "stripped"
    match each.name:
        case "*/*" | "application/*" | "application/json":
            return JSON
        case "application/vnd.pgrst.object+json" | "application/vnd.pgrst.object":
            return OBJECT_STRIPPED if stripped else OBJECT
        case "application/vnd.pgrst.array+json" | "application/vnd.pgrst.array":
            return JSON_STRIPPED if stripped else JSON
        case "text/csv" | "text/*":
            return CSV
        case _:
            return None


def wanted(header: str) -> list[Wanted]:
    """The members of an Accept header, the best first; of those that are wanted alike, the one that says most.

    How much one says: its parameters, less its stars.
    """
    found = [_read(piece) for piece in _split(header, ",") if piece.strip()]
    best = sorted(found, key=lambda pair: (-pair[0], pair[1].name.count("*") - len(pair[1].parameters)))
    return [each for quality, each in best if quality > 0]


def _read(piece: str) -> tuple[float, Wanted]:
    name, *rest = _split(piece, ";")
    parameters: dict[str, str] = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return _quality(parameters.pop("q", "1")), Wanted(name.strip().lower(), parameters)


def _quality(text: str) -> float:
    try:
        return min(float(text), 1.0)
    except ValueError:
        return 0.0


def _split(text: str, mark: str) -> Iterator[str]:
    """The text parted at a mark, but not within double quotes."""
    piece: list[str] = []
    quoted = False
    for char in text:
        quoted = quoted != (char == '"')
        if char == mark and not quoted:
            yield "".join(piece)
            piece = []
        else:
            piece.append(char)
    yield "".join(piece)
