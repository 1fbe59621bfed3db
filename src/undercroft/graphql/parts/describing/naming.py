"""How names of a database become names of GraphQL: as they are, or inflected.

Protocol: pg_graphql, "Configuration": inflection; the GraphQL specification, "Names".
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_OF_A_KEY = re.compile(r"(?<=.)(?:_id|Id|_ID)$")
RESERVED_WORDS = frozenset({"true", "false", "null"})
"""What no value of an enumeration may be called."""


def is_name(text: str) -> bool:
    """Whether GraphQL allows a name; those with two underscores in front are its own."""
    return _NAME.fullmatch(text) is not None and not text.startswith("__")


def type_name(name: str, *, inflect: bool) -> str:
    """`blog_post` as the name of a type: `BlogPost` with inflection."""
    return upper_first(_joined(name)) if inflect else name


def field_name(name: str, *, inflect: bool) -> str:
    """`created_at` as the name of a field: `createdAt` with inflection."""
    return lower_first(_joined(name)) if inflect else name


def own_name(column: str) -> str:
    """What a key's column speaks of: `owner` for `owner_id` and `ownerId`."""
    return _OF_A_KEY.sub("", column)


def lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def upper_first(name: str) -> str:
    return name[:1].upper() + name[1:]


def word_name(word: str) -> str:
    """A word of an enumeration as a name: letters that GraphQL does not have become underscores."""
    name = re.sub(r"[^_0-9A-Za-z]", "_", word)
    if not name or name[0].isdigit() or name in RESERVED_WORDS or name.startswith("__"):
        name = f"VALUE_{name.lstrip('_')}"
    return name


def _joined(name: str) -> str:
    """Without the underscores between words; one in front of all stays."""
    first, *others = [part for part in name.split("_") if part] or [name]
    front = "_" if name.startswith("_") and first != name else ""
    return front + first + "".join(upper_first(part) for part in others)
