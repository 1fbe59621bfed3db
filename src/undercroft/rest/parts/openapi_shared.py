"""What the descriptions of all tables share: parameters, headers, answers, the shape of a fault, how to sign in."""

from __future__ import annotations

from typing import Any

Part = dict[str, Any]

_PREFERENCES = {
    "preferRead": ("How the rows are counted, and whether unknown preferences are refused.", ["count=exact"]),
    "preferInsert": (
        "What comes back, what happens to a row that is already there, and what a missing column means.",
        ["return=representation", "resolution=merge-duplicates", "resolution=ignore-duplicates", "missing=default"],
    ),
    "preferWrite": (
        "What comes back, and at most how many rows may be touched.",
        ["return=representation", "return=minimal", "count=exact", "handling=strict, max-affected=1"],
    ),
    "preferCall": ("How the rows are counted, where the function gives rows.", ["count=exact"]),
}


def parameters(most_rows: int | None) -> dict[str, Part]:
    """The parameters that every table takes. `most_rows` is the server's own limit."""
    limit: Part = {"type": "integer", "minimum": 0}
    said = f"At most so many rows, and never more than {most_rows}." if most_rows else "At most so many rows."
    shared = {
        "select": _query(
            "select",
            "Columns and embedded tables: `id,title,author(name)`, `alias:column`, `column::type`, `column->path`.",
        ),
        "order": _query("order", "As in `created_at.desc.nullslast,id`."),
        "limit": {**_query("limit", said), "schema": limit},
        "offset": {
            **_query("offset", "How many rows to leave out first."),
            "schema": {"type": "integer", "minimum": 0},
        },
        "and": _query("and", "Conditions that must all hold: `(age.gte.18,or(a.eq.1,b.is.null))`."),
        "or": _query("or", "Conditions of which one must hold: `(age.lt.18,age.gt.65)`."),
        "columns": _query("columns", "The columns to write; other keys of the body are left alone."),
        "onConflict": _query(
            "on_conflict", "The unique columns by which `Prefer: resolution` finds a row that is already there."
        ),
        "range": {
            **_header("Range", "Rows by position, as in `0-24`."),
            "schema": {"type": "string", "pattern": r"^\d+-\d*$"},
        },
        "rangeUnit": {**_header("Range-Unit", "What Range counts."), "schema": {"type": "string", "const": "items"}},
    }
    for name, (text, examples) in _PREFERENCES.items():
        shown = {example: {"value": example} for example in examples}
        shared[name] = {**_header("Prefer", text), "examples": shown}
    return shared


def filter_parameter(column: str, type_: str) -> Part:
    """A condition on a column."""
    return _query(
        column, f"A condition on {column} ({type_}): `eq.…`, `gt.…`, `in.(…)`, `is.null`, `not.eq.…` and their like."
    )


def _query(name: str, description: str) -> Part:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": {"type": "string"}}


def _header(name: str, description: str) -> Part:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


FAULT: Part = {
    "type": "object",
    "description": "Why a request was refused.",
    "properties": {
        "code": {
            "type": "string",
            "description": "PGRST and three digits, an SQLSTATE, or a code of the server's own.",
        },
        "message": {"type": "string"},
        "details": {"description": "More about it, as text or as a list."},
        "hint": {"type": ["string", "null"], "description": "What to do about it."},
    },
    "required": ["code", "message", "details", "hint"],
}

RESPONSES: dict[str, Part] = {
    "fault": {
        "description": "Refused, or failed.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/fault-"}}},
    },
    "done": {"description": "Done; there is no body."},
}
"""Components under `responses`. The key of the fault's schema ends in a dash: no table's key does."""

HEADERS: dict[str, Part] = {
    "contentRange": {
        "description": "The rows in the answer and, where they were counted, how many there are: `0-19/573`.",
        "schema": {"type": "string"},
    },
    "preferenceApplied": {"description": "The preferences that were heeded.", "schema": {"type": "string"}},
    "location": {
        "description": "The address of the new row, for `Prefer: return=headers-only`.",
        "schema": {"type": "string"},
    },
}

SECURITY: dict[str, Part] = {
    "apikey": {
        "type": "apiKey",
        "in": "header",
        "name": "apikey",
        "description": "The anon key; or, on a server of your own, the service_role key, to which no policy applies.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's token; it counts before the apikey.",
    },
}


def answer(description: str, schema: Part | None, *headers: str, list_: bool = True) -> Part:
    """An answer with rows of a table (`schema` is one row's), or without a body."""
    given: Part = {"description": description}
    if headers:
        given["headers"] = {HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in headers}
    if schema is not None:
        rows = {"type": "array", "items": schema} if list_ else schema
        given["content"] = {
            "application/json": {"schema": rows},
            "application/vnd.pgrst.object+json": {"schema": schema},
            "text/csv": {"schema": {"type": "string"}},
        }
    return given


HEADER_NAMES = {"contentRange": "Content-Range", "preferenceApplied": "Preference-Applied", "location": "Location"}
