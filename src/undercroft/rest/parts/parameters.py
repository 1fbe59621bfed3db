"""The query string, split into what is shape and what is value. It runs at every request, so it does little.

A filter's name and operator join the key and its value stands apart; select, order and the other texts join the key as
they are; logic trees are split once per text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import unquote_to_bytes

from undercroft.rest.errors import ParseFault, RequestFault, shown
from undercroft.rest.parts.filters import PLAIN, split_filter
from undercroft.rest.parts.logic import Tree, read_logic
from undercroft.rest.parts.ranges import Rows, embedded_number, root_rows

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

ALL_ROWS = Rows()
_FILTER, _TEXT, _LOGIC, _NUMBER, _EMBED_NUMBER = range(5)
_SHORT = 32


class Parameters:
    """Splits query strings under one set of limits, with bounded caches of the texts that come again."""

    def __init__(self, limits: Limits) -> None:
        size = limits.cache_entries
        self._limits = limits
        self._kind = lru_cache(size)(parameter_kind)
        self._decode = lru_cache(size)(decode)
        self._split = lru_cache(size)(split_filter)
        self._tree = lru_cache(size)(self._read_tree)

    def read(  # noqa: C901 -- one loop, in line: a call per parameter would cost a third of the whole
        self, query: bytes, items: list[str], values: list[str], span: bytes | None
    ) -> Rows:
        """Append the name and shape of every parameter to `items`, and what it holds to `values`.

        `span` is the Range header. The root's limit and offset come last, as numbers that heed it.
        """
        text = query.decode("latin-1")
        encoded = "%" in text or "+" in text or not text.isascii()
        if "\0" in text:
            raise no_null()
        pieces = text.split("&")
        if len(pieces) > self._limits.parameters:
            raise RequestFault(f"A request may have at most {self._limits.parameters} parameters")
        most = self._limits.cached_text
        numbers: dict[str, str] = {}
        for piece in pieces:
            name, _, value = piece.partition("=")
            if encoded:
                name = self._decode(name) if len(name) < most else decode(name)
            kind = self._kind(name) if len(name) < most else parameter_kind(name)
            if kind == _FILTER:
                if encoded:
                    value = decode(value)
                operator, dot, rest = value.partition(".")
                if dot and operator in PLAIN:
                    items += (name, operator)
                    values.append(rest)
                elif piece:
                    shape, rest_or_none = self._split(value) if len(value) < _SHORT else split_filter(value)
                    items += (name, shape)
                    if rest_or_none is not None:
                        values.append(rest_or_none)
                continue
            if encoded:
                value = self._decode(value) if len(value) < most else decode(value)
            if kind == _TEXT:
                items += (name, value)
            elif kind == _NUMBER:
                if name in numbers:
                    raise given_twice(name)
                numbers[name] = value
            else:
                self._rare(kind, name, value, items, values)
        if not numbers and span is None:
            return ALL_ROWS
        return _rows(numbers, span, items, values)

    def _rare(self, kind: int, name: str, value: str, items: list[str], values: list[str]) -> None:
        if kind == _LOGIC:
            tree = self._tree(name, value) if len(value) < self._limits.cached_text else self._read_tree(name, value)
            items += (name, tree.shape)
            values += tree.values
        else:
            items += (name, "")
            values.append(embedded_number(name.rpartition(".")[2], value))

    def _read_tree(self, name: str, text: str) -> Tree:
        operator, negated, _ = logic_name(name)
        return read_logic(operator, negated, text, self._limits)


def _rows(numbers: dict[str, str], span: bytes | None, items: list[str], values: list[str]) -> Rows:
    rows = root_rows(numbers.get("limit"), numbers.get("offset"), span)
    if rows.limit is not None:
        items += ("limit", "")
        values.append(str(rows.limit))
    if rows.offset:
        items += ("offset", "")
        values.append(str(rows.offset))
    return rows


def parameter_kind(name: str) -> int:
    """What a parameter is, by its name: the last word of a dotted one decides."""
    if name in ("select", "columns", "on_conflict"):
        return _TEXT
    _, dot, last = name.rpartition(".")
    if last == "order":
        return _TEXT
    if last in ("and", "or"):
        return _LOGIC
    if last in ("limit", "offset"):
        return _EMBED_NUMBER if dot else _NUMBER
    return _FILTER


def logic_name(name: str) -> tuple[Literal["and", "or"], bool, str]:
    """`a.b.not.or` as the operator, whether it is negated, and the path of the embed before it."""
    prefix, _, last = name.rpartition(".")
    operator = cast('Literal["and", "or"]', last)
    if prefix == "not":
        return operator, True, ""
    if prefix.endswith(".not"):
        return operator, True, prefix[:-4]
    return operator, False, prefix


def decode(text: str) -> str:
    """A name or value of the query string, without percent-encoding and with blanks for plus signs."""
    try:
        plain = unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise ParseFault("The query string is not UTF-8", details=f"In: {shown(text)}") from None
    if "\0" in plain:
        raise no_null()
    return plain


def no_null() -> ParseFault:
    return ParseFault("The query string holds a null character")


def given_twice(name: str) -> ParseFault:
    return ParseFault(f"The parameter {shown(name)} is given twice")
