"""Accept and Content-Type: in which of GraphQL's media types the answer goes, and whether a page is wanted.

Protocol: the GraphQL over HTTP draft, "Media Types" and "Body"; RFC 9110, 12.5.1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Media(NamedTuple):
    """How an answer goes. `always_ok`: its status is 200 also where the document was refused."""

    content_type: bytes
    always_ok: bool = False


RESPONSE = Media(b"application/graphql-response+json; charset=utf-8")
JSON = Media(b"application/json; charset=utf-8", always_ok=True)
"""Whoever asks for it by name takes a status other than 200 for something on the way."""
UNSAID = Media(b"application/json; charset=utf-8")
"""For who takes anything, or says nothing: the type that all know, with the status that tells."""
PAGE = Media(b"text/html; charset=utf-8")

_PRODUCED = (
    (b"application/graphql-response+json", RESPONSE),
    (b"application/json", JSON),
    (b"text/html", PAGE),
)


@lru_cache(256)
def wanted(accept: bytes | None, *, page: bool) -> Media | None:
    """The type that an Accept header likes best, by quality and then by place; None where it likes none of ours.

    `page`: the address is a page as well.
    """
    if accept is None or not accept.strip():
        return UNSAID
    ranges = _ranges(accept)
    liked = {name: (quality, -place) for name, quality, place in reversed(ranges)}
    found: list[tuple[float, int, Media]] = []
    for name, media in _PRODUCED:
        if name in liked and (page or media is not PAGE):
            found.append((*liked[name], media))
    for name in (b"application/*", b"*/*"):
        if name in liked and liked.get(b"application/json", (1.0, 0))[0] > 0:
            found.append((*liked[name], UNSAID))
            break
    best = max(found, key=lambda each: each[:2], default=None)
    return None if best is None or best[0] <= 0 else best[2]


def _ranges(accept: bytes) -> list[tuple[bytes, float, int]]:
    """Name, quality and place of each member."""
    found = []
    for place, piece in enumerate(accept.lower().split(b",")):
        name, *parameters = (part.strip() for part in piece.split(b";"))
        weight = next((each[2:] for each in parameters if each.startswith(b"q=")), b"1")
        found.append((name, _quality(weight), place))
    return found


def _quality(text: bytes) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


@lru_cache(64)
def is_json(content_type: bytes | None) -> bool:
    """Whether a body is JSON in UTF-8, as its Content-Type says. Browsers send no such body to another origin without
    asking first, and nothing else is taken for that reason.
    """
    name, *parameters = (part.strip() for part in (content_type or b"").lower().split(b";"))
    charsets = [each.partition(b"=")[2].strip(b'"') for each in parameters if each.startswith(b"charset=")]
    return name == b"application/json" and all(charset in (b"utf-8", b"utf8") for charset in charsets)
