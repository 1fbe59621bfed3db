"""The texts that stand in a request's slots, read: lists for `in`, array literals, LIKE patterns.

Protocol: PostgREST's "operators" page for lists and `*`; PostgreSQL's "array input and output syntax" for `{...}`.
"""

from __future__ import annotations

import re

from undercroft.base.faults import Fault

MOST_MEMBERS = 10_000
"""How many members a list or an array may have unless the caller says otherwise."""

_MEMBER = re.compile(r'(?:"((?:[^"\\]|\\.)*)"(?=[,)]))|([^,)]*)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ELEMENT = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^"\\{},]|\\.)+))\s*', re.DOTALL)


class ValueFault(Fault):
    """A value that is not written as its operator wants it."""

    default_code = "PGRST100"


def read_list(text: str, most: int = MOST_MEMBERS) -> list[str]:
    r"""`(a,"b,c",d)` as `["a", "b,c", "d"]`, and `()` as `[]`; the empty text is `("")`.

    Inside quotes a backslash takes the next character as it is; quotes elsewhere are ordinary characters. Raises
    ValueFault (PGRST100) with the place, and for more than `most` members. Linear.
    """
    place = 0
    while text.startswith(" ", place):
        place += 1
    if not text.startswith("(", place):
        raise _list_fault(text, place, '"("')
    start = place
    members: list[str] = []
    while True:
        found = _MEMBER.match(text, place + 1)
        if found is None:  # the second branch matches the empty text
            raise _list_fault(text, place + 1, '"," or ")"')
        members.append(found[2] if found[1] is None else _unescape(found[1]))
        if len(members) > most:
            raise ValueFault(f"A list may have at most {most} members")
        place = found.end()
        if text.startswith(")", place):
            break
        if place >= len(text):
            raise _list_fault(text, place, '"," or ")"')
    if text[place + 1 :].strip(" )"):
        raise _list_fault(text, place + 1, "end of input")
    return [] if members == [""] and text.startswith("()", start) else members


def write_list(members: list[str]) -> str:
    """The list that `read_list` reads back as these members; every member is quoted."""
    return "(" + ",".join(f'"{_escape(member)}"' for member in members) + ")"


def read_array(text: str, most: int = MOST_MEMBERS) -> list[str | None]:
    """`{a,"b,c",NULL}` as `["a", "b,c", None]`: PostgreSQL's text form of an array of one dimension.

    Raises ValueFault (SQLSTATE 22P02) for anything else, and (PGRST100) for more than `most` members. Linear.
    """
    inside = text.strip()
    if not inside.startswith("{") or not inside.endswith("}") or len(inside) < 2:
        raise _array_fault(text)
    inside = inside[1:-1]
    if not inside.strip():
        return []
    members: list[str | None] = []
    place = 0
    while True:
        found = _ELEMENT.match(inside, place)
        if not found or (found[1] is None and not found[2].strip()):
            raise _array_fault(text)
        members.append(_unescape(found[1]) if found[1] is not None else _plain(found[2]))
        if len(members) > most:
            raise ValueFault(f"An array may have at most {most} members")
        place = found.end()
        if place >= len(inside):
            return members
        if inside[place] != ",":
            raise _array_fault(text)
        place += 1


def write_array(members: list[str | None]) -> str:
    """The array literal that `read_array` reads back as these members."""
    return "{" + ",".join("NULL" if member is None else f'"{_escape(member)}"' for member in members) + "}"


def like_pattern(text: str) -> str:
    """A pattern of `like` and `ilike`, where `*` is an alias of `%`; a backslash escapes, as in PostgreSQL."""
    return text.replace("*", "%")


def _plain(text: str) -> str | None:
    stripped = text.strip()
    return None if stripped.upper() == "NULL" else _unescape(stripped)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _list_fault(text: str, place: int, expecting: str) -> ValueFault:
    found = f'"{text[place]}"' if place < len(text) else "end of input"
    return ValueFault(
        f'"failed to parse filter (in.{text[:300]})" (line 1, column {place + 4})',
        details=f"unexpected {found} expecting {expecting}",
    )


def _array_fault(text: str) -> ValueFault:
    return ValueFault(f'malformed array literal: "{text[:300]}"', code="22P02")
