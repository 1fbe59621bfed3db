"""SQLite's side of the dialect: JSON as text, lists as json_each, patterns as GLOB, rows by rowid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, Kind
from undercroft.query.ask import Aggregate, JsonStep, Slot
from undercroft.query.plan import Compare
from undercroft.query.values import read_array, read_list
from undercroft.sql.codecs import from_json, from_text, json_encoder, read_text
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import not_supported
from undercroft.sql.read import concat, text_literal
from undercroft.sql.statement import Fetch, Given, Handed, processor_for

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect as SqlDialect
    from sqlalchemy.types import TypeEngine

_COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "isdistinct": "IS NOT"}
_CASTS: dict[str, tuple[str, Kind]] = {
    **dict.fromkeys(("int", "int4", "integer"), ("INTEGER", Kind.INTEGER)),
    **dict.fromkeys(("int2", "smallint"), ("INTEGER", Kind.SMALLINT)),
    **dict.fromkeys(("int8", "bigint"), ("INTEGER", Kind.BIGINT)),
    **dict.fromkeys(("text", "varchar", "character varying", "bpchar", "char", "name"), ("TEXT", Kind.TEXT)),
    **dict.fromkeys(("numeric", "decimal"), ("NUMERIC", Kind.NUMERIC)),
    **dict.fromkeys(("float", "float8", "double precision", "double"), ("REAL", Kind.DOUBLE)),
    **dict.fromkeys(("float4", "real"), ("REAL", Kind.REAL)),
}


@dataclass(frozen=True, slots=True, eq=False)
class SqliteDialect:
    """Declared differences of SQLite."""

    sqlalchemy: SqlDialect
    name: str = "SQLite"

    # --- values as text ---

    def json_value(self, scalar: Scalar) -> Expression:
        x, kind = scalar.element, scalar.kind
        if kind is Kind.BOOLEAN:
            return sa.case(
                (x.is_(sa.null()), text_literal("null")), (_truth(x), text_literal("true")), else_=text_literal("false")
            )
        if kind in JSONS:
            # A column that somebody filled by hand may hold what is no JSON: it must not break the answer around it.
            return sa.case(
                (x.is_(sa.null()), text_literal("null")),
                (_truth(sa.func.json_valid(x)), x),
                else_=sa.func.json_quote(x),
            )
        if kind in FLOATS:
            return _float_text(x)
        if kind is Kind.NUMERIC:
            return self._numeric_text(scalar)
        if kind in (Kind.BYTES, Kind.OTHER):
            hex_text = concat([text_literal('"\\\\x'), sa.func.lower(sa.func.hex(x)), text_literal('"')])
            return sa.case((sa.func.typeof(x) == text_literal("blob"), hex_text), else_=sa.func.json_quote(x))
        return sa.func.json_quote(self._text(scalar))

    def _numeric_text(self, scalar: Scalar) -> Expression:
        x = scalar.element
        scale = getattr(scalar.type_, "scale", None)
        if scale and not self._is_text(scalar.type_):
            fixed = sa.func.printf(text_literal(f"%.{int(scale)}f"), x)
            return sa.case(
                (x.is_(sa.null()), text_literal("null")),
                (sa.func.typeof(x) == text_literal("text"), sa.func.json_quote(x)),
                else_=fixed,
            )
        return sa.case(
            (sa.func.typeof(x) == text_literal("real"), _float_text(x)),
            (_truth(sa.func.json_valid(x)), x),
            else_=sa.func.json_quote(x),
        )

    def _text(self, scalar: Scalar) -> Expression:
        """Kinds that JSON has as strings, in PostgreSQL's spelling."""
        x, kind = scalar.element, scalar.kind
        if kind is Kind.UUID and not self._stores_dashes(scalar.type_):
            parts = [
                sa.func.substr(x, _number(start), _number(length))
                for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
            ]
            dashed = concat([part for pair in zip(parts, [text_literal("-")] * 5, strict=True) for part in pair][:-1])
            return sa.case((sa.func.length(x) == _number(32), sa.func.lower(dashed)), else_=x)
        if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
            iso = _without_trailing_zeros(sa.func.replace(x, text_literal(" "), text_literal("T")))
            zone = text_literal("+00:00" if kind is Kind.TIMESTAMPTZ else "")
            has_zone = x.op("GLOB")(text_literal("*[+-]??:??")) | x.op("GLOB")(text_literal("*Z"))
            ours = sa.func.typeof(x) == text_literal("text")
            return sa.case(
                (sa.and_(ours, sa.not_(has_zone)), iso.concat(zone)),
                (ours, sa.func.replace(x, text_literal(" "), text_literal("T"))),
                else_=x,
            )
        return _without_trailing_zeros(x) if kind is Kind.TIME else x

    def _stores_dashes(self, type_: TypeEngine[Any] | None) -> bool:
        return type_ is None or not isinstance(type_.dialect_impl(self.sqlalchemy), sa.Uuid) and self._is_text(type_)

    def _is_text(self, type_: TypeEngine[Any] | None) -> bool:
        impl = type_.dialect_impl(self.sqlalchemy) if type_ is not None else None
        bare = impl.impl_instance if isinstance(impl, sa.types.TypeDecorator) else impl
        return isinstance(bare, sa.String)

    def csv_value(self, scalar: Scalar) -> Expression:
        # As PostgreSQL writes a row: quoted where it must be, quotes and backslashes doubled, booleans t and f.
        if scalar.kind is Kind.BOOLEAN:
            return sa.case(
                (scalar.element.is_(sa.null()), text_literal("")),
                (_truth(scalar.element), text_literal("t")),
                else_=text_literal("f"),
            )
        if scalar.kind in (*INTEGERS, Kind.NUMERIC, *FLOATS):
            return sa.func.coalesce(sa.func.nullif(self.json_value(scalar), text_literal("null")), text_literal(""))
        x = sa.cast(self._text(scalar), sa.Text())
        doubled = sa.func.replace(
            sa.func.replace(x, text_literal("\\"), text_literal("\\\\")), text_literal('"'), text_literal('""')
        )
        needs_quotes = sa.or_(x == text_literal(""), x.op("GLOB")(text_literal('*[,"\\() \t\n\r]*')))
        return sa.case(
            (scalar.element.is_(sa.null()), text_literal("")),
            (needs_quotes, concat([text_literal('"'), doubled, text_literal('"')])),
            else_=x,
        )

    def without_nulls(self, json_text: Expression) -> Expression:
        return sa.case(
            (json_text.op("GLOB")(text_literal("{*")), sa.func.json_patch(text_literal("{}"), json_text)),
            else_=json_text,
        )

    # --- paths, casts, aggregates ---

    def json_path(self, scalar: Scalar, path: Sequence[JsonStep]) -> Scalar:
        element = scalar.element
        for step in path[:-1]:
            element = element.op("->", return_type=sa.Text())(_json_key(step.key))
        last = path[-1]
        found = element.op("->", return_type=sa.Text())(_json_key(last.key))
        if not last.as_text:
            return Scalar(found, Kind.JSON)
        text = element.op("->>", return_type=sa.Text())(_json_key(last.key))
        kind_of_found = sa.func.json_type(found)
        # Numbers, booleans, lists and objects as JSON has them, strings bare, JSON's null as NULL.
        as_text = sa.case((kind_of_found == text_literal("text"), text), (kind_of_found != text_literal("null"), found))
        return Scalar(as_text, Kind.TEXT)

    def cast(self, scalar: Scalar, name: str) -> Scalar:
        word = name.strip().lower()
        if word in ("json", "jsonb"):
            return Scalar(scalar.element, Kind.JSON)
        if word in ("bool", "boolean"):
            low = sa.func.lower(sa.cast(scalar.element, sa.Text()))
            truth = sa.case(
                (low.in_(("t", "true", "yes", "on", "1")), 1), (low.in_(("f", "false", "no", "off", "0")), 0)
            )
            return Scalar(truth, Kind.BOOLEAN)
        target = _CASTS.get(word)
        if target is None:
            if word in ("uuid", "date", "time", "timestamp", "timestamptz", "bytea", "interval"):
                raise not_supported(f"the cast ::{word}", self.name)
            raise Fault(f'type "{name}" does not exist', code="42704")
        if target[1] is Kind.TEXT:
            return Scalar(self._as_text(scalar), Kind.TEXT)
        return Scalar(sa.cast(scalar.element, _sql_type(target[0])), target[1])

    def _as_text(self, scalar: Scalar) -> Expression:
        if scalar.kind in (Kind.BOOLEAN, Kind.NUMERIC, *FLOATS):
            return sa.func.nullif(self.json_value(scalar), text_literal("null"))
        return sa.cast(self._text(scalar), sa.Text())

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        if function == "count":
            return Scalar(sa.func.count(scalar.element) if scalar else sa.func.count(), Kind.BIGINT)
        assert scalar is not None  # the grammar gives every other aggregate a column
        result = getattr(sa.func, function)(scalar.element)
        if function == "avg":
            return Scalar(result, Kind.DOUBLE)
        return Scalar(result, scalar.kind, scalar.type_ if function in ("min", "max") else None)

    def join_lines(self, text: Expression, separator: str) -> Expression:
        return sa.func.group_concat(text, text_literal(separator), type_=sa.Text())

    # --- filters ---

    def compare(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        operator, x = term.operator, scalar.element
        if operator == "is":
            return self._is(scalar, term)
        if operator in _COMPARISONS:
            if term.quantifier:
                return self._quantified(
                    scalar, term, lambda value: x.op(_COMPARISONS[operator], is_comparison=True)(value)
                )
            return x.op(_COMPARISONS[operator], is_comparison=True)(self._value(scalar, term))
        if operator == "in":
            return x.in_(
                sa.select(sa.column("value")).select_from(sa.func.json_each(self._list(scalar, term, read_list)))
            )
        if operator in ("like", "ilike"):
            return self._like(scalar, term)
        raise not_supported(f"the operator {operator}", self.name)

    def _is(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        match term.is_value:
            case "null" | "unknown":
                return scalar.element.is_(sa.null())
            case "not_null":
                return scalar.element.is_not(sa.null())
            case _:
                if scalar.kind is not Kind.BOOLEAN:
                    raise Fault(
                        f"argument of IS {str(term.is_value).upper()} must be type boolean, not type {scalar.kind.value}",
                        code="42804",
                    )
                return scalar.element.op("IS", is_comparison=True)(
                    sa.literal_column("1" if term.is_value == "true" else "0")
                )

    def _like(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        x = sa.cast(scalar.element, sa.Text()) if scalar.kind not in (Kind.TEXT, Kind.VARCHAR) else scalar.element
        # LIKE folds ASCII letters, so it is ilike; GLOB does not, so it is like.
        convert = glob_of_like if term.operator == "like" else like_of_stars
        slot = term.value
        assert slot is not None
        if term.quantifier:
            read = lambda given: json_encoder.encode(
                [convert(read_text(item)) for item in read_array(given.values[slot])]
            ).decode()  # noqa: E731
            return self._over_list(x, term, Handed("patterns", read), lambda value: _matches(x, value, term.operator))
        return _matches(x, Handed("pattern", lambda given: convert(read_text(given.values[slot]))), term.operator)

    def _quantified(
        self, scalar: Scalar, term: Compare, test: Callable[[Expression], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        return self._over_list(scalar.element, term, self._list(scalar, term, read_array), test)

    def _over_list(
        self, x: Expression, term: Compare, values: Expression, test: Callable[[Expression], sa.ColumnElement[bool]]
    ) -> sa.ColumnElement[bool]:
        """`any` and `all` over a list; NULL stays NULL, so that a negation does not let it in."""
        members = sa.select(sa.literal_column("1")).select_from(sa.func.json_each(values))
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
        if scalar.type_ is None:
            return (lambda text: float(read(text))) if scalar.kind is Kind.NUMERIC else read
        return processor_for(scalar.type_, self.sqlalchemy, read)

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        read, slot = self._reader(scalar), term.value
        assert slot is not None
        return Handed("value", lambda given: read(given.values[slot]))

    def _list(self, scalar: Scalar, term: Compare, split: Callable[[str], list[str]]) -> Expression:
        if scalar.kind is Kind.BYTES:
            raise not_supported(f"the operator {term.operator} on bytea", self.name)
        read, slot = self._reader(scalar), term.value
        assert slot is not None
        return Handed(
            "list", lambda given: json_encoder.encode([read(item) for item in split(given.values[slot])]).decode()
        )

    # --- pages and rows ---

    def limit(self, slot: Slot | None, most: int | None) -> Expression | None:
        if slot is None:
            return None if most is None else sa.literal(most, sa.Integer())
        fetch: Fetch = (
            (lambda given: int(given.values[slot]))
            if most is None
            else (lambda given: min(int(given.values[slot]), most))
        )
        return Handed("limit", fetch, sa.Integer())

    def offset(self, slot: Slot) -> Expression:
        return Handed("offset", lambda given: int(given.values[slot]), sa.Integer())

    def row_key(self, source: sa.FromClause, *, has_rowid: bool, primary_key: Sequence[str]) -> Expression:
        if has_rowid:
            # Every rowid table has three names for it; a column may have taken one of them.
            key = sa.column(next(word for word in ("rowid", "_rowid_", "oid") if word not in source.c), sa.Integer())
            key.table = source
            return key
        return sa.func.json_array(*(source.c[name] for name in primary_key))

    def among_keys(self, key: Expression, keys: Expression) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        each = sa.func.json_each(keys).table_valued("key", "value").alias("k")
        return each, each.c.value == key, each.c.key

    def key_list(self, keys: Sequence[object]) -> str:
        return json_encoder.encode(keys).decode()

    def collected(self, key: Expression) -> Expression:
        return sa.func.json_group_array(key)

    def among_rows(
        self, columns: Sequence[Expression], values: Expression
    ) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        each = sa.func.json_each(values).table_valued("key", "value").alias("k")
        join = sa.and_(*(column == each.c.value.op("->>")(_number(i)) for i, column in enumerate(columns)))
        return each, join, each.c.key

    def rows_in(self, columns: Sequence[Expression], values: Expression) -> sa.ColumnElement[bool]:
        each = sa.func.json_each(values).table_valued("value")
        if len(columns) == 1:
            return columns[0].in_(sa.select(each.c.value.op("->>")(_number(0))))
        return sa.tuple_(*columns).in_(sa.select(*(each.c.value.op("->>")(_number(i)) for i in range(len(columns)))))

    def row_value(self, kind: Kind, type_: TypeEngine[Any], *, text_rows: bool) -> Callable[[Any], object]:
        if kind in JSONS:
            from_caller = from_text(kind) if text_rows else None
            return lambda value: (
                None if value is None else json_encoder.encode(from_caller(value) if from_caller else value).decode()
            )
        return processor_for(type_, self.sqlalchemy, from_json(kind))

    def upsert(self, insert: sa.Insert, conflict: Sequence[sa.Column[Any]], updates: Sequence[str] | None) -> sa.Insert:
        statement = sqlite_insert(insert.table).values(insert._values or {})
        if updates is None:
            return statement.on_conflict_do_nothing(index_elements=list(conflict) or None)
        if not updates:
            # Nothing to change, yet the row counts as written, as PostgreSQL counts it.
            updates = [conflict[0].name]
        return statement.on_conflict_do_update(
            index_elements=list(conflict), set_={name: statement.excluded[name] for name in updates}
        )


def _matches(x: Expression, pattern: Expression, operator: str) -> sa.ColumnElement[bool]:
    return x.op("GLOB", is_comparison=True)(pattern) if operator == "like" else x.like(pattern, escape="\\")


def like_of_stars(pattern: str) -> str:
    """PostgREST takes `*` for `%` in patterns."""
    return pattern.replace("*", "%")


def glob_of_like(pattern: str) -> str:
    """A LIKE pattern (with PostgreSQL's backslash escapes) as a GLOB pattern, which tells letters' cases apart."""
    parts: list[str] = []
    escaped = False
    for char in like_of_stars(pattern):
        if escaped or char not in "%_\\":
            parts.append(f"[{char}]" if char in "*?[" else char)
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append("*" if char == "%" else "?")
    return "".join(parts)


def _json_key(key: str | int) -> Expression:
    if isinstance(key, int):
        return sa.literal(f"$[{key}]" if key >= 0 else f"$[#{key}]", sa.Text())
    # A key with a quote in it cannot be written as a path: NULL finds nothing.
    return sa.literal(None if '"' in key else f'$."{key}"', sa.Text())


def _number(value: int) -> Expression:
    return sa.literal_column(str(value), sa.Integer())


def _truth(x: Expression) -> sa.ColumnElement[bool]:
    """SQLite takes any number for a condition."""
    return x.op("<>", is_comparison=True)(sa.literal_column("0"))


def _float_text(x: Expression) -> Expression:
    """Whole floats without a fraction, as PostgreSQL writes them."""
    whole = sa.cast(x, sa.Integer())
    is_whole = sa.and_(x == whole, sa.func.abs(x) < sa.literal_column("1e15"))
    return sa.case((is_whole, sa.cast(whole, sa.Text())), else_=sa.func.json_quote(x))


def _without_trailing_zeros(x: Expression) -> Expression:
    trimmed = sa.func.rtrim(sa.func.rtrim(x, text_literal("0")), text_literal("."), type_=sa.Text())
    return sa.case((x.op("GLOB")(text_literal("*.*")), trimmed), else_=x)


def _sql_type(name: str) -> TypeEngine[Any]:
    return {"INTEGER": sa.Integer(), "NUMERIC": sa.Numeric(), "REAL": sa.REAL()}[name]
