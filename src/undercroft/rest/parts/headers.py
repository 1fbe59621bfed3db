"""Headers that a function of the database chose, put over those of an answer."""

from __future__ import annotations

from collections.abc import Iterable

Header = tuple[bytes, bytes]

FRAMING = frozenset({b"connection", b"content-length", b"keep-alive", b"trailer", b"transfer-encoding", b"upgrade"})
"""Where an answer ends is for the server to say: another word for it would make two answers of one."""


def with_chosen(headers: tuple[Header, ...], chosen: Iterable[tuple[str, str]]) -> tuple[Header, ...]:
    """The headers of an answer with the chosen ones: one of the same name gives way. What is no header is left out."""
    ours = [(name, value) for name, value in map(_encoded, chosen) if _is_header(name, value)]
    names = {name for name, _ in ours}
    return (*(each for each in headers if each[0] not in names), *ours)


def _encoded(pair: tuple[str, str]) -> Header:
    name, value = pair
    return name.strip().lower().encode("latin-1", "replace"), value.strip().encode("utf-8", "replace")


def _is_header(name: bytes, value: bytes) -> bool:
    """Neither ends a line: nothing that a function says becomes another header, or another answer."""
    return (
        bool(name)
        and name not in FRAMING
        and not any(byte <= 32 or byte == 58 or byte > 126 for byte in name)
        and not (b"\n" in value or b"\r" in value or b"\0" in value)
    )
