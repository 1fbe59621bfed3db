"""Filters on PostgreSQL: its own operators, with what the caller wrote as their right side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import JSONS, TEXTS, Kind
from undercroft.query.ask import Slot
from undercroft.query.plan import Compare
from undercroft.query.values import like_pattern, read_list
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.postgres.texts import array_of
from undercroft.sql.postgres.values import Named, PostgresValues
from undercroft.sql.statement import Given, Handed

OPERATORS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "isdistinct": "IS DISTINCT FROM",
    "like": "LIKE", "ilike": "ILIKE", "match": "~", "imatch": "~*",
    "cs": "@>", "cd": "<@", "ov": "&&", "sl": "<<", "sr": ">>", "nxr": "&<", "nxl": "&>", "adj": "-|-",
}  # fmt: skip
QUERIES = {
    "fts": "to_tsquery", "plfts": "plainto_tsquery", "phfts": "phraseto_tsquery", "wfts": "websearch_to_tsquery",
}  # fmt: skip
Written = Callable[[Given], object]


@dataclass(frozen=True, slots=True, eq=False)
class PostgresFilters(PostgresValues):
    """How PostgreSQL compares."""

    def compare(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        operator = term.operator
        if operator == "is":
            return self._is(scalar, term)
        if operator == "in":
            return comparison(self._compared(scalar, term), "=", any_of(self._list(scalar, term)))
        if operator in QUERIES:
            return self._search(scalar, term)
        x = self._compared(scalar, term)
        if term.quantifier:
            values = self._array(scalar, term)
            return comparison(x, self.operator(term), any_of(values) if term.quantifier == "any" else all_of(values))
        return comparison(x, self.operator(term), self._value(scalar, term))

    def operator(self, term: Compare) -> str:
        """PostgreSQL's operator of a filter."""
        return OPERATORS[term.operator]

    # --- what is compared, and with what ---

    def _compared(self, scalar: Scalar, term: Compare) -> Expression:
        return scalar.element

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        slot = slot_of(term)
        if term.operator in ("like", "ilike") and not term.literal:
            return Handed("pattern", lambda given: like_pattern(given.values[slot]))
        return Handed("value", lambda given: given.values[slot])

    def _list(self, scalar: Scalar, term: Compare) -> Expression:
        """The members of `in` as an array literal."""
        slot = slot_of(term)
        return Handed("list", lambda given: array_of(read_list(given.values[slot]), str))

    def _array(self, scalar: Scalar, term: Compare) -> Expression:
        """The array of `any` or `all`, as the caller wrote it."""
        return self._value(scalar, term)

    def _is(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        words = {"null": "NULL", "not_null": "NOT NULL", "true": "TRUE", "false": "FALSE", "unknown": "UNKNOWN"}
        return comparison(scalar.element, "IS", sa.literal_column(words[str(term.is_value)]))

    def _search(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        """Full-text search; what is no tsvector is made one, in the language that was asked for."""
        slot, text = slot_of(term), Named("text")
        read = self._words(term)
        said = sa.cast(Handed("words", lambda given: read(given.values[slot])), text)
        language = () if term.language is None else (sa.cast(sa.literal(term.language, sa.Text()), Named("regconfig")),)
        query: Expression = getattr(sa.func, QUERIES[term.operator])(*language, said)
        x = scalar.element
        if scalar.kind in TEXTS or scalar.kind in JSONS:
            x = sa.func.to_tsvector(*language, x)
        return comparison(x, "@@", query)

    def _words(self, term: Compare) -> Callable[[str], str]:
        """A search as the caller wrote it."""
        return str


def comparison(x: Expression, operator: str, value: Expression) -> sa.ColumnElement[bool]:
    return x.op(operator, is_comparison=True)(value)


def any_of(values: Expression) -> Expression:
    """`ANY (…)`; its type is the left side's to say."""
    return _over("ANY", values)


def all_of(values: Expression) -> Expression:
    return _over("ALL", values)


def _over(word: str, values: Expression) -> Expression:
    return getattr(sa.func, word)(values, type_=sa.types.NullType())  # type: ignore[no-any-return]  # a function


def refuse_unless_boolean(scalar: Scalar, term: Compare) -> None:
    """Raises `Fault` 42804 for the truth of what is no boolean, as PostgreSQL words it."""
    if term.is_value in ("true", "false") and scalar.kind is not Kind.BOOLEAN:
        told = f"argument of IS {str(term.is_value).upper()} must be type boolean, not type {scalar.kind.value}"
        raise Fault(told, code="42804")


def slot_of(term: Compare) -> Slot:
    """Where the value of a filter stands; only `is` has none."""
    if term.value is None:
        raise AssertionError("a filter without a value")
    return term.value
