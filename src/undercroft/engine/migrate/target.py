"""The models' metadata as a revision file may say it: no ORM, no types of the application, every CHECK in plain
words.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CheckConstraint, Column, ColumnElement, Enum, Interval, MetaData, String, Table, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.elements import conv
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlalchemy.types import Boolean, TypeDecorator, TypeEngine
from sqlalchemy.util import immutabledict

_SQLITE: Any = sqlite.dialect()
_POSTGRES: Any = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no annotation here


def plain_metadata(metadata: MetaData, dialect: Dialect) -> MetaData:
    """A copy whose types come from SQLAlchemy only. The CHECK that an Enum or Boolean brings becomes one of the
    table's own.
    """
    out = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        copy = table.to_metadata(out)
        for old, new in zip(table.columns, copy.columns, strict=True):
            new.info = dict(old.info)
        _lift_checks(copy)
        _free_checks(copy, dialect)
        for column in copy.columns:
            column.type = _plain(column.type, dialect)
    return out


def _lift_checks(table: Table) -> None:
    """A CHECK written in a column becomes one of the table's: Alembic does not look into columns."""
    for column in table.columns:
        for check in [each for each in column.constraints if isinstance(each, CheckConstraint)]:
            column.constraints.discard(check)
            table.append_constraint(CheckConstraint(check.sqltext, name=check.name))


def _free_checks(table: Table, dialect: Dialect) -> None:
    bound = [c for c in table.constraints if isinstance(c, CheckConstraint) and getattr(c, "_type_bound", False)]
    for column in table.columns:
        # One that was declared on its column would not be written into a revision file.
        bound += [c for c in column.constraints if isinstance(c, CheckConstraint)]
        column.constraints -= set(bound)
    for check in sorted(bound, key=lambda each: str(each.name)):
        rule = getattr(check, "_create_rule", None)
        table.constraints.discard(check)
        if rule is not None and not rule(dialect.statement_compiler(dialect, None)):
            continue  # this dialect would not have written it
        text = _text_of(check.sqltext, dialect, include_table=False)
        name = dialect.identifier_preparer.format_constraint(check) if check.name is not None else None
        table.append_constraint(CheckConstraint(text, name=conv(name.strip('"')) if name else None))


def _plain(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """A type of SQLAlchemy's that is this one on every engine: with a variant, where they differ."""
    here = _plain_on(type_, dialect)
    there = [_plain_on(type_, other) for other in (_SQLITE, _POSTGRES) if other.name != dialect.name]
    if any(each is None or repr(each) == repr(here) for each in there) or here is None:
        return type_ if here is None else here
    lite, postgres = (here, *there) if dialect.name == "sqlite" else (*there, here)
    return cast("TypeEngine[Any]", lite).with_variant(cast("TypeEngine[Any]", postgres), "postgresql")


def _plain_on(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any] | None:
    """What it is on one engine; None for a type that only its own package knows."""
    if dialect.name in type_._variant_mapping:
        return _plain_on(type_._variant_mapping[dialect.name], dialect)
    if isinstance(type_, Interval):
        return Interval()  # a decorator that engines with a type of their own leave aside
    if isinstance(type_, TypeDecorator):
        return _plain_on(type_.load_dialect_impl(dialect), dialect)
    if isinstance(type_, Enum):
        named = type_.native_enum and type_.name is not None
        return Enum(*type_.enums, name=type_.name) if named else String(type_.length)
    if isinstance(type_, Boolean):
        return Boolean()
    if type(type_).__module__.startswith("sqlalchemy."):
        return _without_variants(type_)
    if dialect.name != "sqlite":
        return None
    resolve: Any = _SQLITE._resolve_type_affinity
    found: TypeEngine[Any] = resolve(str(_SQLITE.type_compiler_instance.process(type_)).upper())
    return found


def _without_variants(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """What it is where no variant of it is meant: the variants themselves are said elsewhere."""
    if not type_._variant_mapping:
        return type_
    bare = type_.copy()
    bare._variant_mapping = immutabledict()
    return bare


def scalar_default(column: Column[Any], dialect: Dialect) -> str | None:
    """The Python-side constant default of a column as SQL text, to fill rows that are there already; None without
    one.
    """
    default = column.default
    if not isinstance(default, ScalarElementColumnDefault) or default.arg is None:
        return None
    if isinstance(default.arg, bool):
        return str(default.arg).lower()  # as every engine reads it
    try:
        return _text_of(literal(default.arg, column.type), dialect)
    except CompileError:
        return None


def _text_of(expression: ColumnElement[Any], dialect: Dialect, **options: bool) -> str:
    """An expression as SQL text: as it is, without the doubled % by which drivers know their own from the text's."""
    text = str(expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True, **options}))
    return text.replace("%%", "%") if dialect.paramstyle in ("format", "pyformat") else text
