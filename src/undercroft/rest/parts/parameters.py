"""The query string, split into what is shape and what is value. It runs at every request, so it does little.

A filter's name and operator join the key and its value stands apart; select, order and the other texts join the key as
they are; logic trees are split once per text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, cast
from urllib.parse import unquote_to_bytes

from undercroft.rest.errors import ParseFault, RequestFault, shown
from undercroft.rest.parts.filters import PLAIN, is_filter, split_filter
from undercroft.rest.parts.logic import Tree, read_logic
from undercroft.rest.parts.ranges import Rows, embedded_number, root_rows

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

ALL_ROWS = Rows()
_FILTER, _TEXT, _LOGIC, _NUMBER, _EMBED_NUMBER = range(5)
_KINDS = {
    "select": _TEXT,
    "columns": _TEXT,
    "on_conflict": _TEXT,
    "order": _TEXT,
    "limit": _NUMBER,
    "offset": _NUMBER,
    "and": _LOGIC,
    "or": _LOGIC,
    "not.and": _LOGIC,
    "not.or": _LOGIC,
}
_SHORT = 32
MOST_ON_A_PAGE = 100


class Taken(NamedTuple):
    """What a query string held, beside the items and values that it added."""

    rows: Rows
    arguments: tuple[tuple[str, str], ...]
    """The parameters of a function that were no filters."""


class Parameters:
    """Splits query strings under one set of limits, with bounded caches of the texts that come again."""

    def __init__(self, limits: Limits) -> None:
        size = limits.cache_entries
        self._limits = limits
        self._decode = lru_cache(size)(decode)
        self._split = lru_cache(size)(split_filter)
        self._tree = lru_cache(size)(self._read_tree)

    def read(  # noqa: C901 -- one loop, in line: a call per parameter would cost a third of the whole
        self, query: bytes, items: list[str], values: list[str], span: bytes | None, function: bool
    ) -> Taken:
        """Append the name and shape of every parameter to `items`, and what it holds to `values`.

        `span` is the Range header. The root's limit and offset come last, as numbers that heed it. For a `function`,
        what is neither reserved nor a filter is an argument.
        """
        text = query.decode("latin-1")
        encoded = "%" in text or "+" in text or not text.isascii()
        if "\0" in text:
            raise no_null()
        pieces = text.split("&")
        if len(pieces) > self._limits.parameters:
            raise RequestFault(f"A request may have at most {self._limits.parameters} parameters")
        numbers: dict[str, str] = {}
        arguments: list[tuple[str, str]] = []
        for piece in pieces:
            name, _, value = piece.partition("=")
            if encoded:
                name = self._short(name)
            kind = _KINDS.get(name)
            if kind is None:
                kind = parameter_kind(name) if "." in name else _FILTER
            if kind == _FILTER:
                if encoded:
                    value = decode(value)
                operator, dot, rest = value.partition(".")
                if dot and operator in PLAIN:
                    items += (name, operator)
                    values.append(rest)
                elif not piece:
                    continue
                elif function and not is_filter(value):
                    arguments.append((name, value))
                else:
                    shape, rest_or_none = self._split(value) if len(value) < _SHORT else split_filter(value)
                    items += (name, shape)
                    if rest_or_none is not None:
                        values.append(rest_or_none)
                continue
            if encoded:
                value = self._short(value)
            if kind == _TEXT:
                items += (name, value)
            elif kind == _NUMBER:
                if name in numbers:
                    raise given_twice(name)
                numbers[name] = value
            elif kind == _LOGIC:
                tree = (
                    self._tree(name, value) if len(value) < self._limits.cached_text else self._read_tree(name, value)
                )
                items += (name, tree.shape)
                values += tree.values
            else:
                _take_number(name, embedded_number(name.rpartition(".")[2], value), items, values)
        if not numbers and span is None:
            return Taken(ALL_ROWS, tuple(arguments)) if arguments else NOTHING_ELSE
        return Taken(_rows(numbers, span, items, values), tuple(arguments))

    def _short(self, text: str) -> str:
        """Decode a name, or a text that is likely to come again."""
        return self._decode(text) if len(text) < self._limits.cached_text else decode(text)

    def _read_tree(self, name: str, text: str) -> Tree:
        operator, negated, _ = logic_name(name)
        return read_logic(operator, negated, text, self._limits)


NOTHING_ELSE = Taken(ALL_ROWS, ())


def _rows(numbers: dict[str, str], span: bytes | None, items: list[str], values: list[str]) -> Rows:
    rows = root_rows(numbers.get("limit"), numbers.get("offset"), span)
    if rows.limit is not None:
        _take_number("limit", str(rows.limit), items, values)
    if rows.offset:
        _take_number("offset", str(rows.offset), items, values)
    return rows


def _take_number(name: str, number: str, items: list[str], values: list[str]) -> None:
    """Of a limit, a small number is part of the shape; how many shapes that makes is bounded."""
    if name.endswith("limit") and int(number) <= MOST_ON_A_PAGE:
        items += (name, number)
    else:
        items += (name, "")
        values.append(number)


def parameter_kind(name: str) -> int:
    """What a dotted parameter is: its last word decides."""
    last = name[name.rindex(".") + 1 :]
    kind = _KINDS.get(last, _FILTER)
    if kind == _NUMBER:
        return _EMBED_NUMBER
    return kind if last == "order" or kind == _LOGIC else _FILTER


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
