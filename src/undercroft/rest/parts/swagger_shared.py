"""What every description in Swagger 2.0 holds, in the names that PostgREST's clients know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Part = dict[str, Any]

CONSUMES = [
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
    "text/csv",
]
CALLED = CONSUMES[:3]
"""What a function's path produces."""
SECURITY: Part = {
    "JWT": {
        "description": 'Add the token prepending "Bearer " (without quotes) to it',
        "in": "header",
        "name": "Authorization",
        "type": "apiKey",
    }
}
_TYPES = {
    "character varying": "string", "character": "string", "text": "string", "boolean": "boolean",
    "smallint": "integer", "integer": "integer", "bigint": "integer", "numeric": "number", "real": "number",
    "double precision": "number", "json": None, "jsonb": None,
}  # fmt: skip
_FORMATS = {"smallint": "int32", "integer": "int32", "bigint": "int64"}
"""The formats that OpenAPI 2.0 knows; other types have PostgreSQL's name for theirs."""
_RETURNS = ["return=representation", "return=minimal", "return=none"]
_RESOLUTIONS = ["resolution=ignore-duplicates", "resolution=merge-duplicates"]


def _preference(words: list[str]) -> Part:
    return {
        "name": "Prefer", "description": "Preference", "required": False, "in": "header", "type": "string",
        **({"enum": words} if words else {}),
    }  # fmt: skip


def _parameter(name: str, description: str, place: str = "query", **more: str) -> Part:
    return {"name": name, "description": description, "required": False, "in": place, "type": "string", **more}


PARAMETERS: dict[str, Part] = {
    "preferParams": _preference([]),
    "preferReturn": _preference(_RETURNS),
    "preferCount": _preference(["count=none"]),
    "preferPost": _preference([*_RETURNS, *_RESOLUTIONS]),
    "select": _parameter("select", "Filtering Columns"),
    "on_conflict": _parameter("on_conflict", "On Conflict"),
    "order": _parameter("order", "Ordering"),
    "range": _parameter("Range", "Limiting and Pagination", "header"),
    "rangeUnit": _parameter("Range-Unit", "Limiting and Pagination", "header", default="items"),
    "offset": _parameter("offset", "Limiting and Pagination"),
    "limit": _parameter("limit", "Limiting and Pagination"),
}


def references(names: Iterable[str]) -> list[Part]:
    """References to parameters."""
    return [{"$ref": f"#/parameters/{name}"} for name in names]


def type_of(pg_type: str) -> Part:
    """A type of PostgreSQL's, by its name: its `format` tells which it is, and values of JSON are of any type."""
    bare = re.sub(r"\(.*?\)", "", pg_type).strip()
    if bare.endswith("[]"):
        inner = _TYPES.get(bare.removesuffix("[]"), "string")
        return {"type": "array", "items": {"type": inner} if inner else {}, "format": pg_type}
    found = _TYPES.get(bare, "string")
    return {**({"type": found} if found else {}), "format": format_of(pg_type)}


def format_of(pg_type: str) -> str:
    """The `format` of a type that is no array."""
    return _FORMATS.get(pg_type, pg_type)


def said(comment: str | None) -> Part:
    """A comment as `summary`, its first line, and `description`, what follows."""
    if not comment:
        return {}
    first, _, rest = comment.partition("\n")
    described = rest.lstrip("\n")
    return {"summary": first, **({"description": described} if described else {})}
