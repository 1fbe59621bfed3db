"""Filter operators: `not.op(any).value`, split so that the operator is the shape and the value stands apart."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, cast

from undercroft.query.ask import Field, Filter, FilterOperator, IsValue, Quantifier
from undercroft.rest.errors import ParseFault, parse_fault
from undercroft.rest.parts.names import Source

PLAIN = frozenset({
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "isdistinct",
    "fts", "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj",
})  # fmt: skip
"""The operators that take a value, as they stand alone before a dot."""

OPERATOR = re.compile(
    r"(?P<not>not\.)?(?:"
    r"(?P<quantified>eq|gte|gt|lte|lt|like|ilike|match|imatch)(?:\((?P<quantifier>any|all)\))?"
    r"|(?P<search>fts|plfts|phfts|wfts)(?:\((?P<language>[\w $-]+)\))?"
    r"|(?P<plain>neq|isdistinct|in|is|cs|cd|ov|sl|sr|nxr|nxl|adj)"
    r")\."
)
_IS = re.compile(r"not_null|null|true|false|unknown", re.IGNORECASE)

NO_OPERATOR = '"not" or operator (eq, gt, ...)'
NO_IS_VALUE = "isVal: (null, not_null, true, false, unknown)"


class Operator(NamedTuple):
    """An operator with its modifiers; `is_value` is given for `is` alone."""

    name: FilterOperator
    negated: bool = False
    quantifier: Quantifier | None = None
    language: str | None = None
    is_value: IsValue | None = None

    def on(self, field: Field, slot: int | None) -> Filter:
        return Filter(
            field=field,
            operator=self.name,
            value=slot,
            negated=self.negated,
            quantifier=self.quantifier,
            is_value=self.is_value,
            language=self.language,
        )


def read_operator(source: Source, place: int = 0) -> tuple[Operator, int] | None:
    """The operator at `place` and the index after its dot (after its value, for `is`); None where there is none.

    Raises ParseFault for `is` with a value that it does not know.
    """
    found = OPERATOR.match(source.text, place)
    if not found:
        return None
    name = cast("FilterOperator | Literal['is']", found["quantified"] or found["search"] or found["plain"])
    negated = found["not"] is not None
    if name == "is":
        value = _IS.match(source.text, found.end())
        if not value:
            raise source.fault(found.end(), NO_IS_VALUE)
        return Operator("is", negated, is_value=cast("IsValue", value[0].lower())), value.end()
    return Operator(name, negated, cast("Quantifier | None", found["quantifier"]), found["language"]), found.end()


def split_filter(text: str) -> tuple[str, str | None]:
    """`not.eq.5` as the shape `not.eq` and the value `5`; the value is None for `is`, which is all shape."""
    source = Source("filter", text)
    found = read_operator(source)
    if not found:
        raise no_operator(text)
    operator, place = found
    if operator.name != "is":
        return text[: place - 1], text[place:]
    if place < len(text):
        raise source.fault(place, "end of input")
    return text.lower(), None


def is_filter(text: str) -> bool:
    """Whether the value of a parameter is a filter; where functions are called, what is not is an argument."""
    return OPERATOR.match(text) is not None


def no_operator(text: str) -> ParseFault:
    place = 4 if text.startswith("not.") else 0
    return parse_fault("filter", text, place, "operator (eq, gt, ...)" if place else NO_OPERATOR)
