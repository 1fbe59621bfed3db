"""Lists in pages: which one is asked for, and where its neighbours are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from undercroft.auth.errors import validation_failed
from undercroft.auth.routes.asked import Asked, told
from undercroft.auth.service.admin import MOST
from undercroft.auth.service.room import Room
from undercroft.web.types import Answer

_FAR = 10_000_000
"""The last page that may be asked for."""


def numbered(asked: Asked) -> tuple[int, int]:
    """Which page, and how long. Raises `AuthFault`."""
    return _number(asked, "page", 1), min(_number(asked, "per_page", 50), MOST)


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= _FAR:
        raise validation_failed(f"{name} must be a number from 1 on")
    return int(text[:9])


def paged(room: Room, asked: Asked, path: str, number: int, size: int, total: int, body: Any) -> Answer:
    """A page with its neighbours, as auth-js reads them: it takes what stands behind the first `=` of an address."""
    last = max(1, -(-total // size))
    more = {name: value for name, value in asked.query.items() if name not in ("page", "per_page")}

    def link(number: int, rel: str) -> str:
        query = urlencode({"page": number, "per_page": size, **more})
        return f'<{room.address}{path}?{query}>; rel="{rel}"'

    links = [link(number + 1, "next")] if number < last else []
    return told(
        body,
        200,
        (b"x-total-count", b"%d" % total),
        (b"link", ", ".join([*links, link(last, "last")]).encode("ascii")),
    )
