"""Addresses in answers: Content-Location of a read, Location of an inserted row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~-]")
_ESCAPES = {bytes([code]): b"%%%02X" % code for code in range(256)}


def content_location(path: bytes, query: bytes) -> bytes:
    """The address of what was read: `/posts?author_id=eq.5&select=id`, without the mount point.

    The parameters stand in the order of their names, percent-encoded but for letters, digits and `-_.~`.
    """
    pieces = [piece.partition(b"=") for piece in query.split(b"&") if piece]
    if not pieces:
        return canonical_path(path)
    pieces.sort(key=_name)
    canonical = [canonical_text(name) + b"=" + canonical_text(value) for name, _, value in pieces]
    return canonical_path(path) + b"?" + b"&".join(canonical)


def canonical_path(path: bytes) -> bytes:
    """The path with one slash before it and none after it, percent-encoded."""
    return b"/" + quote(unquote_to_bytes(path.strip(b"/")), safe="/").encode()


def canonical_text(text: bytes) -> bytes:
    """A name or value of a query string, percent-encoded anew."""
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub(_escape, unquote_to_bytes(text.replace(b"+", b" ")))


def row_location(table: str, key: Sequence[tuple[str, str | None]]) -> bytes:
    """The address of one row by its primary key: `/posts?id=eq.5`; a null value is asked for by `is.null`."""
    parts = [
        f"{quote(name, safe='')}={'is.null' if text is None else 'eq.' + quote(text, safe='')}" for name, text in key
    ]
    return f"/{quote(table, safe='')}?{'&'.join(parts)}".encode()


def written_location(table: str, body: str | bytes | None) -> bytes | None:
    """The address of the one row that a write gave back, of which `body` is the key as a JSON list; else None."""
    rows = msgspec.json.decode(body or "[]")
    if len(rows) != 1 or not rows[0]:
        return None
    return row_location(table, [(name, _as_text(value)) for name, value in rows[0].items()])


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _name(piece: tuple[bytes, bytes, bytes]) -> bytes:
    return piece[0]


def _escape(found: re.Match[bytes]) -> bytes:
    return _ESCAPES[found[0]]
