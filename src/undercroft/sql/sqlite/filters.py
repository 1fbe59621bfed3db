"""Filters on SQLite: comparisons, lists as json_each, patterns as GLOB; what it lacks is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.ask import Slot
from undercroft.query.plan import Compare
from undercroft.query.values import read_array, read_list
from undercroft.sql.bounds import one_of_its_words
from undercroft.sql.codecs import from_text, json_encoder, read_text, write_json
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import no_operator, not_supported
from undercroft.sql.like import like_of
from undercroft.sql.regex import common_regex
from undercroft.sql.search.lexemes import check_language, lexizer
from undercroft.sql.search.queries import Style, read_query, write_query
from undercroft.sql.sqlite.patterns import glob_beyond_ascii, glob_of_ilike, glob_of_like
from undercroft.sql.sqlite.texts import CONTAINS, REGEX, SEARCH
from undercroft.sql.sqlite.values import SqliteValues, json_text
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
                return self._over_list(
                    term,
                    self._list(scalar, term, read_array),
                    _member(scalar, x).op(_COMPARISONS[operator], is_comparison=True),
                )
            return x.op(_COMPARISONS[operator], is_comparison=True)(self._value(scalar, term))
        if operator == "in":
            return _member(scalar, x).in_(
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

        return self._over_list(term, Handed("patterns", read), matches)

    def _contains(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        other = self._value(Scalar(scalar.element, Kind.JSON), term)
        x = json_text(scalar.element)
        whole, part = (x, other) if term.operator == "cs" else (other, x)
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
        x = self._as_text(scalar) if scalar.kind not in (Kind.TEXT, Kind.VARCHAR) else scalar.element
        slot, cased = _slot(term), term.operator == "like"
        matches = x.op("GLOB", is_comparison=True)

        def pattern(read: Callable[..., str | None]) -> Handed:
            return Handed("pattern", lambda given: read(given.values[slot], literal=term.literal))

        if not term.quantifier:
            if cased:
                return matches(pattern(glob_of_like))
            beyond = [pattern(glob_beyond_ascii) for _ in range(2)]
            return sa.case((beyond[0].is_(sa.null()), x.like(pattern(like_of), escape="\\")), else_=matches(beyond[1]))
        convert = partial(glob_of_like if cased else glob_of_ilike, literal=term.literal)

        def read_each(given: Given) -> str:
            items = read_array(given.values[slot])
            return json_encoder.encode([None if item is None else convert(item) for item in items]).decode()

        return self._over_list(term, Handed("patterns", read_each), matches)

    def _over_list(
        self, term: Compare, values: Expression, test: Callable[[Expression], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        """`any` and `all` over a list, as PostgreSQL has them: where no member decides, one that is unknown leaves the
        whole unknown, so that a negation does not let it in."""
        member: Expression = sa.column("value")
        yes: Expression = sa.literal_column("1")
        no: Expression = sa.literal_column("0")
        holds = sa.case((test(member), yes), (sa.not_(test(member).self_group()), no))
        decided, otherwise = ("1", "0") if term.quantifier == "any" else ("0", "1")
        found = (sa.func.max if term.quantifier == "any" else sa.func.min)(holds)
        whole = sa.case(
            (found == sa.literal_column(decided), sa.literal_column(decided)),
            (sa.func.count() > sa.func.count(holds), sa.null()),
            else_=sa.literal_column(otherwise),
        )
        answer = sa.select(whole).select_from(sa.func.json_each(values)).scalar_subquery()
        return answer.op("=", is_comparison=True)(sa.literal_column("1"))

    def _reader(self, scalar: Scalar) -> Callable[[str], object]:
        read = from_text(scalar.kind)
        if scalar.kind in JSONS:
            return lambda text: write_json(read(text))
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
        read, slot = self._reader(scalar), _slot(term)
        if scalar.kind is Kind.BYTES:
            read = _hex_of(read)

        def encode(given: Given) -> str:
            members = [None if item is None else _jsonable(read(item)) for item in split(given.values[slot])]
            return json_encoder.encode(members).decode()

        return Handed("list", encode)


def _member(scalar: Scalar, x: Expression) -> Expression:
    """What is compared with the members of a list in JSON: bytes as hex digits, which have the order of the bytes."""
    if scalar.kind is not Kind.BYTES:
        return x
    return sa.case((x.is_not(sa.null()), sa.func.hex(x, type_=sa.Text())))  # hex() of NULL is an empty text


def _jsonable(value: Any) -> Any:
    """JSON has no infinity; SQLite reads this number as one."""
    if isinstance(value, float) and math.isinf(value):
        return msgspec.Raw(b"9e999" if value > 0 else b"-9e999")
    return value


def _hex_of(read: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda text: bytes(read(text)).hex().upper()


def _truth_of(function: str, *arguments: Expression) -> sa.ColumnElement[bool]:
    """A condition that is one of the functions which the engine registers; NULL where an argument is."""
    holds: Expression = getattr(sa.func, function)(*arguments)
    return holds.op("=", is_comparison=True)(sa.literal_column("1"))


def _slot(term: Compare) -> Slot:
    """Where the value of a filter stands; only `is` has none."""
    if term.value is None:
        raise AssertionError("a filter without a value")
    return term.value
