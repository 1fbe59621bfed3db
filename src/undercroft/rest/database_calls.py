"""What a request hands to a function of the database: the names of its arguments, and the arguments.

Protocol: PostgREST's "functions as RPC" page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from undercroft.pipeline.database import CallGiven
from undercroft.query.calls import BodyType, Form
from undercroft.rest.errors import BodyFault
from undercroft.rest.parts.asks import columns_of
from undercroft.rest.parts.payload import read_form, read_json, read_payload
from undercroft.sql.database.calls import argument_texts

if TYPE_CHECKING:
    from undercroft.catalog.types import Routine
    from undercroft.rest.parts.limits import Limits
    from undercroft.rest.request import RestRequest
    from undercroft.web.types import Request

ROWS = frozenset({
    b"", b"application/json", b"text/csv", b"application/x-www-form-urlencoded", b"application/vnd.pgrst.object+json",
    b"application/vnd.pgrst.object", b"application/vnd.pgrst.array+json", b"application/vnd.pgrst.array",
})  # fmt: skip
"""Content types whose bodies are rows, or arguments by name."""
WHOLE: dict[bytes, BodyType] = {b"text/plain": "text", b"text/xml": "xml", b"application/octet-stream": "bytes"}
"""Content types whose bodies are one argument."""


def media_name(header: bytes) -> bytes:
    """A Content-Type without its parameters."""
    return header.split(b";", 1)[0].strip().lower()


def given_of(shaped: RestRequest) -> CallGiven:
    """What a URL alone says of a call."""
    return CallGiven(shaped.table, tuple(dict.fromkeys(key for key, _ in shaped.arguments)))


async def arguments_of(shaped: RestRequest, request: Request, limits: Limits) -> tuple[CallGiven, Any]:
    """What is called, and the arguments: a list of (name, text), the text of a JSON object, or a body as it came.

    Raises `BodyFault` PGRST102 for a body that cannot be read, or is of a type that is not.
    """
    if shaped.verb == "read":
        return given_of(shaped), list(shaped.arguments)
    body = await request.body()
    name, content = shaped.table, request.header(b"content-type")
    kind = WHOLE.get(media_name(content or b""))
    if kind is not None:
        return CallGiven(name, (), kind), body if kind == "bytes" else body.decode("utf-8", "replace")
    if content is not None and media_name(content) not in ROWS:
        raise BodyFault(f"Content-Type not acceptable: {content.decode('latin-1')}")
    if shaped.content == "form":
        read_payload("form", body, limits)  # for its limits
        pairs = read_form(body)
        return CallGiven(name, tuple(dict.fromkeys(key for key, _ in pairs))), pairs
    columns = columns_of(shaped.key, limits)
    if shaped.content == "csv":
        rows = read_payload("csv", body, limits).rows
        given, text = _of_json(name, msgspec.json.encode(rows[0] if rows else {}), columns, limits)
        return given._replace(body="rows"), text
    return _of_json(name, body, columns, limits)


def _of_json(name: str, body: bytes, columns: tuple[str, ...] | None, limits: Limits) -> tuple[CallGiven, Any]:
    """Arguments as members of an object. Of a list of objects the first one counts; whoever takes the body whole gets
    all of it."""
    text = body.decode("utf-8", "replace") if body.strip() else "{}"
    value = read_json(text.encode(), limits)
    members = value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else value
    names = columns if columns is not None else tuple(members) if isinstance(members, dict) else ()
    return CallGiven(name, names, "json"), text


def handed(routine: Routine, form: Form, arguments: Any) -> Any:
    """The arguments as the statement of a call takes them: texts by name, one JSON object, or a body."""
    if isinstance(arguments, list):
        return argument_texts(routine, arguments)
    if form == "json" and arguments.lstrip().startswith("["):
        members = msgspec.json.decode(arguments, type=list[msgspec.Raw])
        return bytes(members[0]).decode() if members else "{}"
    return arguments
