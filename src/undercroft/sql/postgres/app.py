"""PostgreSQL for an app's own models: the same request gives the same answer as on SQLite.

What callers write is read by us, so that it is refused in the same words; texts are put in order by their bytes,
whatever the database's collation is; and values of types that both engines have are spelled the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.array import ARRAY

from undercroft.catalog.kinds import JSONS, TEXTS, Kind
from undercroft.query.ask import Aggregate
from undercroft.query.plan import Compare
from undercroft.query.values import read_array, read_list
from undercroft.sql.bounds import bounded, one_of_its_words
from undercroft.sql.codecs import from_json, from_text, read_text, write_json
from undercroft.sql.conversions import cast_target, check_aggregate, check_cast, sum_kind
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import no_operator
from undercroft.sql.like import like_of
from undercroft.sql.postgres.dialect import PostgresDialect
from undercroft.sql.postgres.filters import OPERATORS, refuse_unless_boolean, slot_of
from undercroft.sql.postgres.texts import array_of, plain_text
from undercroft.sql.postgres.values import Named, as_text, csv_of
from undercroft.sql.regex import common_regex
from undercroft.sql.search.lexemes import known_language, lexizer
from undercroft.sql.search.queries import Style, read_query, readable
from undercroft.sql.statement import Handed, processor_for
from undercroft.sql.text import text_literal

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_MOMENTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_MATCHES = frozenset({"match", "imatch"})
_WORDED = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.OTHER})
"""What has regular expressions and words to search."""
_BY_SIZE = frozenset({"gt", "gte", "lt", "lte"})


@dataclass(frozen=True, slots=True, eq=False)
class AppPostgresDialect(PostgresDialect):
    """Declared differences of PostgreSQL where the models are ours."""

    # --- what is shown ---

    def _json_text(self, scalar: Scalar) -> Expression:
        # Four bytes are spelled as the number that they are, without an exponent before a million millions.
        wide = as_double(scalar) if scalar.kind is Kind.REAL else scalar
        return super(AppPostgresDialect, self)._json_text(wide)

    def csv_value(self, scalar: Scalar) -> Expression:
        if scalar.kind is Kind.REAL:
            return csv_of(as_double(scalar).element)
        if scalar.kind in JSONS:
            return csv_of(as_text(scalar.element))  # as it is grouped by
        return csv_of(bare_json(scalar.element) if scalar.kind in _MOMENTS else scalar.element)

    def cast(self, scalar: Scalar, name: str) -> Scalar:
        kind = cast_target(name)
        check_cast(scalar.kind, kind)
        if kind is scalar.kind:
            return scalar
        if kind is Kind.TEXT:
            return Scalar(plain(scalar), kind)
        source = as_double(scalar) if scalar.kind is Kind.REAL else scalar
        return Scalar(sa.cast(source.element, Named(kind.value)), kind)

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        if scalar is None or function == "count":
            return super(AppPostgresDialect, self).aggregate(function, scalar)
        check_aggregate(function, scalar.kind)
        if function == "sum":
            x = as_double(scalar).element if scalar.kind is Kind.REAL else scalar.element
            return Scalar(sa.func.sum(x), sum_kind(scalar.kind))
        if function == "avg":
            return self._average(scalar)
        if scalar.kind is Kind.BOOLEAN:
            return Scalar((sa.func.bool_and if function == "min" else sa.func.bool_or)(scalar.element), Kind.BOOLEAN)
        x = as_text(scalar.element) if scalar.kind is Kind.UUID else self.ordered(scalar)
        return Scalar(getattr(sa.func, function)(x), scalar.kind)

    def _average(self, scalar: Scalar) -> Scalar:
        if scalar.kind is Kind.INTERVAL:
            return Scalar(sa.func.avg(scalar.element), Kind.INTERVAL)
        x = as_double(scalar).element if scalar.kind is Kind.REAL else scalar.element
        # Divided as SQLite divides: PostgreSQL's own average of whole numbers has digits that no float holds.
        whole: Expression = sa.cast(sa.func.sum(x), sa.Double())
        return Scalar(whole.op("/")(sa.func.nullif(sa.func.count(x), sa.literal_column("0"))), Kind.DOUBLE)

    # --- what is compared ---

    def comparable(self, scalar: Scalar) -> Expression:
        return as_text(scalar.element) if scalar.kind in JSONS else scalar.element

    def ordered(self, scalar: Scalar) -> Expression:
        if scalar.kind in JSONS or scalar.kind is Kind.ENUM:
            return by_bytes(as_text(scalar.element))
        return by_bytes(scalar.element) if scalar.kind in TEXTS else scalar.element

    def compare(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        if term.operator in ("cs", "cd") and scalar.kind in JSONS:
            contained = Scalar(sa.cast(scalar.element, Named("jsonb")), Kind.JSONB)
            return super(AppPostgresDialect, self).compare(contained, term)
        if term.operator in _MATCHES and scalar.kind not in _WORDED:
            raise no_operator(scalar.kind, OPERATORS[term.operator])
        return super(AppPostgresDialect, self).compare(scalar, term)

    def _compared(self, scalar: Scalar, term: Compare) -> Expression:
        if term.operator in _MATCHES:
            return by_bytes(scalar.element)
        if term.operator in ("like", "ilike"):
            x = scalar.element if scalar.kind in (Kind.TEXT, Kind.VARCHAR) else plain(scalar)
            # Letters fold as the database folds them; a column that is put in order by its bytes folds ASCII only.
            return sa.collate(x, "default") if term.operator == "ilike" else x
        if term.operator in ("cs", "cd"):
            return scalar.element
        return self.ordered(scalar) if term.operator in _BY_SIZE else self.comparable(scalar)

    def _search(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        if scalar.kind not in _WORDED and scalar.kind not in JSONS and scalar.kind is not Kind.TSVECTOR:
            raise no_operator(scalar.kind, "@@")
        named = replace(term, language=known_language(term.language))
        return super(AppPostgresDialect, self)._search(scalar, named)

    def _words(self, term: Compare) -> Callable[[str], str]:
        """Read by us first: PostgreSQL tells of a search that cannot be read only where there is a row to find."""
        lexize = lexizer("simple")  # the stems are PostgreSQL's own
        style = cast("Style", term.operator)

        def read(text: str) -> str:
            read_query(style, read_text(text), lexize)
            return readable(style, text)

        return read

    def _is(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        refuse_unless_boolean(scalar, term)
        if term.is_value == "unknown":
            return scalar.element.is_(sa.null())
        return super(AppPostgresDialect, self)._is(scalar, term)

    def operator(self, term: Compare) -> str:
        return "~" if term.operator in _MATCHES else super(AppPostgresDialect, self).operator(term)

    # --- what callers write ---

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        read, slot = self._reader(scalar, term), slot_of(term)
        return Handed("value", lambda given: read(given.values[slot]))

    def _list(self, scalar: Scalar, term: Compare) -> Expression:
        read, slot = self._reader(scalar, term), slot_of(term)
        return Handed("list", lambda given: array_of(read_list(given.values[slot]), read))

    def _array(self, scalar: Scalar, term: Compare) -> Expression:
        read, slot = self._reader(scalar, term), slot_of(term)
        return Handed("array", lambda given: array_of(read_array(given.values[slot]), read))

    def _reader(self, scalar: Scalar, term: Compare) -> Callable[[str], str | None]:
        """A filter's text as PostgreSQL will read it, or our refusal."""
        if term.operator in ("like", "ilike"):
            return partial(like_of, literal=term.literal)
        if term.operator in _MATCHES:
            fold = term.operator == "imatch"
            return lambda text: common_regex(text, fold=fold)
        read = from_text(scalar.kind)
        if scalar.kind in JSONS:
            return lambda text: write_json(read(text))
        if scalar.type_ is None or scalar.kind is Kind.NUMERIC:
            # A number is not rounded to the column's digits: it is only compared.
            return lambda text: plain_text(read(text))
        return _as_texts(processor_for(scalar.type_, self.sqlalchemy, one_of_its_words(scalar.type_, read)))

    def count_on(self, column: sa.Column[Any], keys: Expression) -> sa.ClauseElement | None:
        """A sequence does not see keys that came with their rows, and would give them out again."""
        table = self.sqlalchemy.identifier_preparer.format_table(column.table)
        each = (
            sa.func.json_array_elements_text(sa.cast(keys, Named("json")))
            .table_valued("value", name="k")
            .render_derived()
        )
        place = [each.name for each in column.table.primary_key.columns].index(column.name)
        brought = sa.cast(each.c.value, Named("json")).op("->>")(sa.literal_column(str(place)))
        found = (
            sa.select(
                sa.cast(
                    sa.func.pg_get_serial_sequence(sa.literal(table, sa.Text()), sa.literal(column.name, sa.Text())),
                    Named("regclass"),
                ).label("sequence"),
                sa.func.max(sa.cast(brought, sa.BigInteger())).label("most"),
            )
            .select_from(each)
            .subquery()
        )
        counted = sa.func.coalesce(sa.func.pg_sequence_last_value(found.c.sequence), sa.literal_column("0"))
        return sa.select(sa.func.setval(found.c.sequence, found.c.most)).where(
            found.c.sequence.is_not(sa.null()),
            sa.func.has_sequence_privilege(found.c.sequence, text_literal("UPDATE")),
            found.c.most > counted,
        )

    def row_value(self, kind: Kind, type_: TypeEngine[Any], *, text_rows: bool) -> Callable[[Any], object]:
        if kind in JSONS:
            from_caller = from_text(kind) if text_rows else None
            return lambda value: None if value is None else write_json(from_caller(value) if from_caller else value)
        if isinstance(type_, (sa.ARRAY, ARRAY)):
            return _as_texts(processor_for(type_, self.sqlalchemy, lambda value: value))
        return _as_texts(processor_for(type_, self.sqlalchemy, bounded(kind, type_, from_json(kind))))

    def loaded_value(self, kind: Kind, type_: TypeEngine[Any]) -> Callable[[Any], object]:
        read: Callable[[Any], Any] = bounded(kind, type_, from_json(kind))
        decorates = isinstance(type_, sa.TypeDecorator) and _is_own(type_, "process_bind_param")
        load = type_.dialect_impl(self.sqlalchemy).result_processor(self.sqlalchemy, None)

        def convert(value: Any) -> object:
            found = read(value)
            if decorates:
                found = type_.process_bind_param(found, self.sqlalchemy)  # type: ignore[attr-defined]  # just asked
            return found if load is None else load(found)

        return convert


def _is_own(type_: TypeEngine[Any], method: str) -> bool:
    return getattr(type(type_), method) is not getattr(sa.TypeDecorator, method)


def by_bytes(x: Expression) -> Expression:
    """A text in the order of its bytes, as SQLite orders it."""
    return sa.collate(x, "C")


def bare_json(x: Expression) -> Expression:
    """A value as JSON spells it, without quotes around it."""
    return sa.func.to_jsonb(x).op("#>>", return_type=sa.Text())(text_literal("{}"))


def as_double(scalar: Scalar) -> Scalar:
    """A float of four bytes as the decimal that it is shown as, in eight."""
    return Scalar(sa.cast(as_text(scalar.element), sa.Double()), Kind.DOUBLE)


def plain(scalar: Scalar) -> Expression:
    """A value as text: moments as JSON spells them, and floats of four bytes."""
    if scalar.kind is Kind.REAL:
        return as_text(as_double(scalar).element)
    return bare_json(scalar.element) if scalar.kind in _MOMENTS else as_text(scalar.element)


def _as_texts(read: Callable[[Any], object]) -> Callable[[Any], str | None]:
    return lambda value: plain_text(read(value))
