"""Filters on SQLite: comparisons, lists as json_each, patterns as GLOB; what it lacks is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.ask import Slot
from undercroft.query.plan import Compare
from undercroft.query.values import read_array, read_list
from undercroft.sql.bounds import one_of_its_words
from undercroft.sql.codecs import from_text, json_encoder, read_text
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import no_operator, not_supported
from undercroft.sql.regex import common_regex
from undercroft.sql.search.lexemes import check_language, lexizer
from undercroft.sql.search.queries import Style, read_query, write_query
from undercroft.sql.sqlite.patterns import glob_beyond_ascii, glob_of_ilike, glob_of_like, like_of
from undercroft.sql.sqlite.texts import CONTAINS, REGEX, SEARCH
from undercroft.sql.sqlite.values import SqliteValues
from undercroft.sql.statement import Given, Handed, processor_for
from undercroft.sql.text import text_literal

_COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "isdistinct": "IS NOT"}
_WORDED = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.OTHER})
"""What has regular expressions and words to search, of which PostgreSQL's operators know nothing else."""


@dataclass(frozen=True, slots=True, eq=False)
class SqliteFilters(SqliteValues):
    """How SQLite compares."""

    # --- filters ---

    def compare(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        operator, x = term.operator, self.comparable(scalar)
        if operator == "is":
            return self._is(scalar, term)
        if operator in _COMPARISONS:
            if term.quantifier:
                return self._quantified(scalar, term, x.op(_COMPARISONS[operator], is_comparison=True))
            return x.op(_COMPARISONS[operator], is_comparison=True)(self._value(scalar, term))
        if operator == "in":
            return x.in_(
                sa.select(sa.column("value")).select_from(sa.func.json_each(self._list(scalar, term, read_list)))
            )
        if operator in ("like", "ilike"):
            return self._like(scalar, term)
        if operator in ("match", "imatch"):
            return self._regex(scalar, term)
        if operator in ("cs", "cd") and scalar.kind in JSONS:
            return self._contains(scalar, term)
        if operator in ("fts", "plfts", "phfts", "wfts"):
            return self._search(scalar, term, operator)
        raise not_supported(f"the operator {operator}", self.name)

    def _search(self, scalar: Scalar, term: Compare, style: Style) -> sa.ColumnElement[bool]:
        if scalar.kind in JSONS:
            raise not_supported(f"the operator {style} on {scalar.kind.value}", self.name)
        if scalar.kind not in _WORDED:
            raise no_operator(scalar.kind, "@@")
        slot, language = _slot(term), check_language(term.language)
        lexize = lexizer(language)
        query = Handed("query", lambda given: write_query(read_query(style, read_text(given.values[slot]), lexize)))
        return _truth_of(SEARCH, query, text_literal(language), scalar.element)

    def _regex(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        slot, fold = _slot(term), term.operator == "imatch"
        if scalar.kind not in _WORDED:
            raise no_operator(scalar.kind, "~*" if fold else "~")

        def matches(pattern: Expression) -> sa.ColumnElement[bool]:
            return _truth_of(REGEX, pattern, scalar.element)

        if not term.quantifier:
            return matches(Handed("pattern", lambda given: common_regex(given.values[slot], fold=fold)))

        def read(given: Given) -> str:
            items = read_array(given.values[slot])
            return json_encoder.encode(
                [None if item is None else common_regex(item, fold=fold) for item in items]
            ).decode()

        return self._over_list(scalar.element, term, Handed("patterns", read), matches)

    def _contains(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        other = self._value(Scalar(scalar.element, Kind.JSON), term)
        whole, part = (scalar.element, other) if term.operator == "cs" else (other, scalar.element)
        return _truth_of(CONTAINS, whole, part)

    def _is(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        match term.is_value:
            case "null" | "unknown":
                return scalar.element.is_(sa.null())
            case "not_null":
                return scalar.element.is_not(sa.null())
            case _:
                if scalar.kind is not Kind.BOOLEAN:
                    word = str(term.is_value).upper()
                    told = f"argument of IS {word} must be type boolean, not type {scalar.kind.value}"
                    raise Fault(told, code="42804")
                return scalar.element.op("IS", is_comparison=True)(
                    sa.literal_column("1" if term.is_value == "true" else "0")
                )

    def _like(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        x = sa.cast(scalar.element, sa.Text()) if scalar.kind not in (Kind.TEXT, Kind.VARCHAR) else scalar.element
        slot, cased = _slot(term), term.operator == "like"
        matches = x.op("GLOB", is_comparison=True)
        if not term.quantifier:
            if cased:
                return matches(Handed("pattern", lambda given: glob_of_like(given.values[slot])))
            folded = Handed("pattern", lambda given: like_of(given.values[slot]))
            beyond = [Handed("beyond", lambda given: glob_beyond_ascii(given.values[slot])) for _ in range(2)]
            return sa.case((beyond[0].is_(sa.null()), x.like(folded, escape="\\")), else_=matches(beyond[1]))
        convert = glob_of_like if cased else glob_of_ilike

        def read(given: Given) -> str:
            items = read_array(given.values[slot])
            return json_encoder.encode([None if item is None else convert(item) for item in items]).decode()

        return self._over_list(x, term, Handed("patterns", read), matches)

    def _quantified(
        self, scalar: Scalar, term: Compare, test: Callable[[Expression], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        return self._over_list(self.comparable(scalar), term, self._list(scalar, term, read_array), test)

    def _over_list(
        self, x: Expression, term: Compare, values: Expression, test: Callable[[Expression], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        """`any` and `all` over a list; NULL stays NULL, so that a negation does not let it in."""
        members: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(sa.func.json_each(values))
        holds = test(sa.column("value"))
        found = (
            sa.exists(members.where(holds))
            if term.quantifier == "any"
            else ~sa.exists(members.where(sa.not_(holds.self_group())))
        )
        return sa.case((x.is_(sa.null()), sa.null()), else_=found)

    def _reader(self, scalar: Scalar) -> Callable[[str], object]:
        read = from_text(scalar.kind)
        if scalar.kind in JSONS:
            return lambda text: json_encoder.encode(read(text)).decode()
        if scalar.kind is Kind.NUMERIC:
            # Not by the column's type: that would round to the column's digits what is only compared.
            return (
                (lambda text: format(read(text), "f"))
                if self._is_spelled_out(scalar)
                else lambda text: float(read(text))
            )
        if scalar.type_ is None:
            return read
        return processor_for(scalar.type_, self.sqlalchemy, one_of_its_words(scalar.type_, read))

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        read, slot = self._reader(scalar), _slot(term)
        return Handed("value", lambda given: read(given.values[slot]))

    def _list(self, scalar: Scalar, term: Compare, split: Callable[[str], list[Any]]) -> Expression:
        if scalar.kind is Kind.BYTES:
            raise not_supported(f"the operator {term.operator} on bytea", self.name)
        read, slot = self._reader(scalar), _slot(term)

        def encode(given: Given) -> str:
            members = [None if item is None else read(item) for item in split(given.values[slot])]
            return json_encoder.encode(members).decode()

        return Handed("list", encode)


def _truth_of(function: str, *arguments: Expression) -> sa.ColumnElement[bool]:
    """A condition that is one of the functions which the engine registers; NULL where an argument is."""
    holds: Expression = getattr(sa.func, function)(*arguments)
    return holds.op("=", is_comparison=True)(sa.literal_column("1"))


def _slot(term: Compare) -> Slot:
    """Where the value of a filter stands; only `is` has none."""
    if term.value is None:
        raise AssertionError("a filter without a value")
    return term.value
