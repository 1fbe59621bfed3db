"""Logic trees: `and=(a.eq.1,or(b.lt.2,c.is.null))`, read once per text into a shape and the values that stood in it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from undercroft.query.ask import Condition, Logic
from undercroft.rest.errors import RequestFault
from undercroft.rest.parts.filters import Operator, read_operator
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.names import FIELD_NAME, Source, quoted_end, read_field, unescape

HOLE = "\0"
"""Stands for a value in a shape: a character that no request may hold."""

_GROUP = re.compile(r"(not\.)?(and|or)[ \t]*\(")
_VALUE = re.compile(r"[^,)]*")
_MEMBER = re.compile(r'(?:"(?:[^"\\]|\\.)*"(?=[,)]))|[^,)]*', re.DOTALL)
_ARRAY = re.compile(r'\{(?:[^{}"\\]|\\.|"(?:[^"\\]|\\.)*")*\}', re.DOTALL)
_TERM = f"{FIELD_NAME}, negation operator (not) or logic operator (and, or)"


class Tree(NamedTuple):
    """A tree with slots from 0, the values for them, and the text with a hole for each value."""

    logic: Logic
    values: tuple[str, ...]
    shape: str


class _Group:
    """A parenthesis that is still open."""

    def __init__(self, operator: Literal["and", "or"], negated: bool) -> None:
        self.operator = operator
        self.negated = negated
        self.terms: list[Condition] = []

    def closed(self) -> Logic:
        return Logic(self.operator, tuple(self.terms), self.negated)


def read_logic(operator: Literal["and", "or"], negated: bool, text: str, limits: Limits, base: int = 0) -> Tree:
    """Read the value of an `and` or `or` parameter; slots count from `base`. Linear, and without recursion."""
    lead = len(operator) + (4 if negated else 0)
    source = Source("logic tree", text, lead)
    place = source.skip(0)
    if not source.at(place, "("):
        raise source.fault(place, '"("')
    stack = [_Group(operator, negated)]
    holes: list[tuple[int, int]] = []
    values: list[str] = []
    place += 1
    terms = 0
    while True:
        place = source.skip(place)
        terms += 1
        if terms > limits.logic_terms:
            raise RequestFault(f"A logic tree may have at most {limits.logic_terms} terms")
        group = _GROUP.match(text, place)
        if group:
            if len(stack) >= limits.logic_depth:
                raise RequestFault(f"Logic trees may be nested at most {limits.logic_depth} deep")
            stack.append(_Group("and" if group[2] == "and" else "or", group[1] is not None))
            place = group.end()
            continue
        place = _read_term(source, place, stack[-1], holes, values, base)
        while True:
            place = source.skip(place)
            if source.at(place, ","):
                place += 1
                break
            if not source.at(place, ")"):
                raise source.fault(place, '"," or ")"')
            place += 1
            logic = stack.pop().closed()
            if not stack:
                return Tree(logic, tuple(values), _with_holes(text[:place], holes))
            stack[-1].terms.append(logic)


def _read_term(
    source: Source, place: int, group: _Group, holes: list[tuple[int, int]], values: list[str], base: int
) -> int:
    text = source.text
    if place >= len(text) or text[place] in "(),.":
        raise source.fault(place, _TERM)
    field, place = read_field(source, place)
    if not source.at(place, "."):
        raise source.fault(place, '"->" or delimiter (.)')
    place += 1
    found = read_operator(source, place)
    if not found:
        raise source.fault(place, "negation operator (not) or operator (eq, gt, ...)")
    operator, start = found
    if operator.name == "is":
        group.terms.append(operator.on(field, None))
        return start
    value, end = _read_value(source, operator, start)
    holes.append((start, end))
    group.terms.append(operator.on(field, base + len(values)))
    values.append(value)
    return end


def _read_value(source: Source, operator: Operator, start: int) -> tuple[str, int]:
    """A list or array as it is written, a quoted value without its quotes, or what goes up to `,` or `)`."""
    text = source.text
    if text.startswith(HOLE, start):
        return HOLE, start + 1
    if operator.name == "in":
        end = _list_end(source, start)
        return text[start:end], end
    if text.startswith('"', start):
        end_quoted = quoted_end(text, start)
        if end_quoted is not None and text[end_quoted : end_quoted + 1] in (",", ")"):
            return unescape(text[start + 1 : end_quoted - 1]), end_quoted
    if text.startswith("{", start):
        array = _ARRAY.match(text, start)
        if array and text[array.end() : array.end() + 1] in (",", ")"):
            return array[0], array.end()
    found = _VALUE.match(text, start)
    end = found.end() if found else start
    return text[start:end], end


def _list_end(source: Source, start: int) -> int:
    """Where the list `("a,b",c)` that begins at `start` ends."""
    text = source.text
    place = source.skip(start)
    if not source.at(place, "("):
        raise source.fault(place, '"("')
    while True:
        found = _MEMBER.match(text, place + 1)
        place = found.end() if found else place + 1
        if source.at(place, ")"):
            return place + 1
        if not source.at(place, ","):
            raise source.fault(place, '"," or ")"')


def _with_holes(text: str, holes: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    last = 0
    for start, end in holes:
        pieces.append(text[last:start])
        last = end
    pieces.append(text[last:])
    return HOLE.join(pieces)
