"""SQLAlchemy's PostgreSQL dialect for statements that are compiled once and said with `$1`: every parameter is a text,
or None, and stands in the statement with its type, or where only one type can stand.

Nothing is ever executed through this dialect: a driver needs to know of texts only.
"""

# mypy: disable-error-code="no-untyped-call, misc"
# The dialect that is extended here has no annotations.

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Numeric, Uuid
from sqlalchemy.dialects.postgresql import base as postgres
from sqlalchemy.dialects.postgresql import json as postgres_json
from sqlalchemy.dialects.postgresql.array import ARRAY
from sqlalchemy.engine.interfaces import BindTyping
from sqlalchemy.sql import sqltypes as generic
from sqlalchemy.types import TypeEngine

from undercroft.access.claims import ClaimParameter
from undercroft.sql.postgres.texts import array_of, interval_text, plain_text

JsonWriter = Callable[[Any], str]


class TextCompiler(postgres.PGCompiler):
    """Renders also what shared expressions say in SQLite's words."""

    def bindparam_string(self, name: str, *args: Any, bindparam_type: Any = None, **kw: Any) -> str:
        """A claim that is compared with nothing, as in `IS NULL`, is a text: PostgreSQL wants to know. One that is a
        list is a text of JSON, whatever its members are.
        """
        bind = self.binds.get(name)
        claim = bind if isinstance(bind, ClaimParameter) else None
        type_ = None if claim is not None and claim.many else bindparam_type
        text: str = super().bindparam_string(name, *args, bindparam_type=type_, **kw)
        return f"{text}::TEXT" if claim is not None and not claim.many and claim.type._isnull else text

    def visit_json_each_func(self, fn: Any, **kw: Any) -> str:
        """A list in JSON as a source with the column `value`, of the type that the expression gives it."""
        member = fn.type._elements[0].type
        argument = self.process(fn.clauses, **kw)
        as_text = "json_array_elements_text"
        if member._isnull:
            return f"{as_text}({argument}::json)"
        spelled = self.dialect.type_compiler_instance.process(member.dialect_impl(self.dialect))
        return f"(SELECT CAST(value AS {spelled}) AS value FROM {as_text}({argument}::json))"  # noqa: S608  # no value


def _cast_text(cls: type[Any], write: Callable[[Any], str | None] = plain_text) -> type[Any]:
    """A type of SQLAlchemy whose values become texts, with a cast beside each parameter."""

    def bind_processor(self: Any, dialect: Any) -> Callable[[Any], str | None]:
        return lambda value: None if value is None else write(value)

    return type(f"Text{cls.__name__}", (cls,), {"render_bind_cast": True, "bind_processor": bind_processor})


class TextUuid(Uuid[Any]):
    """UUIDs in their own type; in 32 digits where the model wants them so."""

    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Callable[[Any], str | None]:
        native = self.native_uuid

        def process(value: Any) -> str | None:
            text = None if value is None else str(value)
            return text if native or text is None else text.replace("-", "")

        return process


class TextEnum(postgres.ENUM):
    """SQLAlchemy turns members into their words."""

    render_bind_cast = True


class TextJson(postgres_json.JSON[Any]):
    render_bind_cast = True


class TextJsonb(postgres_json.JSONB[Any]):
    render_bind_cast = True


class TextArray(ARRAY[Any]):
    """Lists as PostgreSQL's array literals."""

    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Callable[[Any], str | None]:
        member = self.item_type.dialect_impl(dialect).bind_processor(dialect)

        def write(value: Any) -> str | None:
            if value is None:
                return None
            written = member(value) if member is not None else value
            return None if written is None else plain_text(written)

        return lambda value: value if value is None or isinstance(value, str) else array_of(value, write)


class TextIntIndex(generic.JSON.JSONIntIndexType):
    __visit_name__ = "json_int_index"
    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Callable[[Any], str]:
        return str


class TextStrIndex(generic.JSON.JSONStrIndexType):
    __visit_name__ = "json_str_index"
    render_bind_cast = True


TEXT_TYPES: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    generic.NullType: type("TextNull", (generic.NullType,), {"bind_processor": lambda self, dialect: plain_text}),
    **{
        cls: _cast_text(cls)
        for cls in (
            generic.Integer, generic.SmallInteger, generic.BigInteger, generic.Boolean, generic.Float, generic.REAL,
            generic.Double, generic.Date, generic.Time, generic.DateTime, generic.String, generic.Text,
            generic.LargeBinary, Numeric,
        )
    },
    generic.Interval: _cast_text(postgres.INTERVAL, interval_text),
    generic.Uuid: TextUuid,
    generic.Enum: TextEnum,
    generic.JSON: TextJson,
    postgres_json.JSONB: TextJsonb,
    generic.JSON.JSONIntIndexType: TextIntIndex,
    generic.JSON.JSONStrIndexType: TextStrIndex,
    generic.ARRAY: TextArray,
}  # fmt: skip
"""What each of SQLAlchemy's types becomes, so that its values are texts."""


class TextDialect(postgres.PGDialect):
    """The dialect by which statements for PostgreSQL are compiled. `write_json` is what JSON columns are written by."""

    supports_statement_cache = True
    supports_native_decimal = True  # what is read by hooks is a Decimal already; SQLAlchemy would cut its digits
    bind_typing = BindTyping.RENDER_CASTS
    statement_compiler = TextCompiler
    colspecs = {**postgres.colspecs, **TEXT_TYPES}  # noqa: RUF012  # SQLAlchemy reads it off the class

    def __init__(self, write_json: JsonWriter = json.dumps) -> None:
        super().__init__(paramstyle="numeric_dollar", json_serializer=write_json)
        self._backslash_escapes = False  # SQLAlchemy would ask a connection


@cache
def shared_dialect(write_json: JsonWriter = json.dumps) -> TextDialect:
    """The one dialect of all engines that differ in nothing here: what was compiled for one, serves the others."""
    return TextDialect(write_json)


__all__ = ["TEXT_TYPES", "TextCompiler", "TextDialect", "shared_dialect"]
