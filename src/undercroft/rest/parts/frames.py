"""A query string without the values of its plain filters, and how they are put back.

`select=id&id=lt.` is the frame of `select=id&id=lt.500`. Most requests have a frame that came before: then all that is
left to read of them is their values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from undercroft.rest.parts.filters import PLAIN
from undercroft.rest.parts.parameters import decode
from undercroft.rest.parts.places import canonical_text

_VALUE = re.compile(rb"(=(?:" + "|".join(sorted(PLAIN)).encode() + rb")\.)([^&]*)")


def split(query: bytes) -> tuple[list[bytes], list[bytes]]:
    """The frame of a query, cut where values stood, and the values, percent-encoded.

    What looks like a filter may be none (`select=a=eq.1`): `find_slots` tells.
    """
    parts = _VALUE.split(query)  # text, "=eq.", value, text, "=lt.", value, text
    values = parts[2::3]
    del parts[2::3]
    return parts, values


class Slots(NamedTuple):
    """Where in a request the values of its plain filters stand."""

    values: tuple[str, ...]
    """All values of the request, those of its filters among them."""
    places: tuple[int, ...]
    """Of each filter in turn: which of `values` is its own."""
    address: bytes
    """The request's address, with `%b` for each value; empty for a request without one."""
    order: tuple[int, ...]
    """Of each `%b` in turn: the filter whose value stands there; empty where they are in the query's own order."""
    alone: bool = False
    """The request has no values but those of its filters, in their order."""

    def fill(self, given: Sequence[bytes]) -> tuple[tuple[str, ...], bytes]:
        """The values and the address of another request of this frame. Raises ParseFault (PGRST100)."""
        if b"".join(given).isalnum():  # numbers and words, as most are: neither encoded nor to be encoded
            texts = [raw.decode() for raw in given]
            shown = given
        else:
            texts = [decode(raw.decode("latin-1")) for raw in given]
            shown = [canonical_text(raw) for raw in given]
        if not self.alone:
            values = list(self.values)
            for place, text in zip(self.places, texts, strict=False):
                values[place] = text
            texts = values
        if not self.address:
            return tuple(texts), b""
        if self.order:
            shown = [shown[filter_] for filter_ in self.order]
        return tuple(texts), self.address % tuple(shown)


def with_marks(parts: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """A query of this frame whose values are marks, and the marks."""
    marks = [b"~%d~" % number for number in range(len(parts) // 2)]
    query = b"".join(text + word + mark for text, word, mark in zip(parts[::2], parts[1::2], marks, strict=False))
    return query + parts[-1], marks


def find_slots(values: Sequence[str], address: bytes, marks: Sequence[bytes]) -> Slots | None:
    """Where the marks have come to stand in a request; None where one is not a value by itself, or not the only one."""
    texts = [mark.decode() for mark in marks]
    if any(values.count(text) != 1 or (address and address.count(text.encode()) != 1) for text in texts):
        return None
    order = sorted(range(len(marks)), key=lambda number: address.find(marks[number])) if address else []
    template = address.replace(b"%", b"%%")
    for mark in marks:
        template = template.replace(mark, b"%b")
    moved = order != sorted(order)
    places = tuple(values.index(text) for text in texts)
    alone = places == tuple(range(len(values)))
    return Slots(tuple(values), places, template, tuple(order) if moved else (), alone)
