"""`order=title.desc.nullslast,author(name),data->>id`."""

from __future__ import annotations

import re

from undercroft.query.ask import Direction, Nulls, OrderTerm
from undercroft.rest.errors import RequestFault
from undercroft.rest.parts.names import Source, read_field

_MODIFIERS = re.compile(r"(?:\.(asc|desc))?(?:\.(nullsfirst|nullslast))?[ \t]*(?=,|\Z)")
_DIRECTIONS: dict[str | None, Direction | None] = {None: None, "asc": "asc", "desc": "desc"}
_NULLS: dict[str | None, Nulls | None] = {None: None, "nullsfirst": "first", "nullslast": "last"}


def read_order(source: Source, most: int) -> tuple[OrderTerm, ...]:
    """All terms of an order parameter, in their order; at most so many."""
    text = source.text
    terms: list[OrderTerm] = []
    place = 0
    while True:
        field, place = read_field(source, place)
        relation = None
        if source.at(place, "(") and not field.json:
            relation = field.name
            field, place = read_field(source, place + 1)
            if not source.at(place, ")"):
                raise source.fault(place, '"->" or ")"')
            place += 1
        found = _MODIFIERS.match(text, place)
        if not found:
            raise _misplaced(source, place)
        terms.append(OrderTerm(field, _DIRECTIONS[found[1]], _NULLS[found[2]], relation))
        place = found.end()
        if len(terms) > most:
            raise RequestFault(f"An order may have at most {most} terms")
        if place >= len(text):
            return tuple(terms)
        place += 1


def _misplaced(source: Source, place: int) -> Exception:
    if not source.at(place, "."):
        return source.fault(place, 'delimiter (.), "," or end of input')
    rest = source.text[place:]
    if rest.startswith((".asc.", ".desc.")):
        return source.fault(source.text.index(".", place + 1) + 1, "nulls modifier (nullsfirst or nullslast)")
    return source.fault(place + 1, "order direction (asc or desc) or nulls modifier (nullsfirst or nullslast)")
