"""Requests to a database that decides for itself, as they differ from those of an app: what is left undecided until the
resource is known, and bodies on their way to one statement."""

from __future__ import annotations

from typing import Any

import msgspec

from undercroft.rest.database_calls import ROWS, media_name
from undercroft.rest.errors import BodyFault
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.media import Media
from undercroft.rest.parts.payload import read_payload
from undercroft.rest.request import Heads, Reader, RestRequest
from undercroft.web.types import Request


class DatabaseReader(Reader):
    """Reads requests and leaves undecided what only the resource can say: the answer's type, and the body's."""

    def _media(self, accept: bytes | None, *, root: bool) -> Media:
        return Media("json", accept.decode("latin-1") if accept else "")

    def _heads(self, method: str, headers: Any) -> Heads:
        prefer, accept, content, span, profile = Reader._heads(self, method, headers)
        if content is not None and media_name(content) not in ROWS:
            content = None
        return prefer, accept, content, span, profile


def is_whole(shaped: RestRequest) -> bool:
    """All columns are asked for, and nothing else."""
    key = shaped.key
    return all(text == "*" for name, text in zip(key[5::2], key[6::2], strict=True) if name == "select")


def check_content(request: Request) -> None:
    """Raises BodyFault (PGRST102) for a body that is no rows."""
    header = request.header(b"content-type")
    if header is not None and media_name(header) not in ROWS:
        raise BodyFault(f"Content-Type not acceptable: {header.decode('latin-1')}")


async def payload_of(shaped: RestRequest, request: Request, limits: Limits) -> tuple[tuple[str, ...], str, bool]:
    """The columns of the body, the body as the text of a JSON list, and whether it has no row."""
    if shaped.verb == "delete":
        return (), "[]", False
    body = await request.body()
    uneven = "columns" in shaped.key[5::2]
    payload = read_payload(shaped.content, body, limits, uneven=uneven)
    if shaped.content != "json":
        return payload.columns, msgspec.json.encode(payload.rows).decode(), not payload.rows
    text = body.decode() if payload.rows else "[]"
    return payload.columns, f"[{text}]" if payload.single else text, not payload.rows
