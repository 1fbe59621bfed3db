"""`Model`: the declarative base whose names and types are the same on every engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from msgspec.json import Encoder
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator, TypeEngine

from undercroft.base.decimals import rounded

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ZONELESS = "a moment needs a zone: datetime.now(UTC), not datetime.now()"
_WITH_FRACTION = 29
"""Letters of a moment in JSON, quotes and all, that is not of a whole second."""
_json = Encoder().encode
_EXACT_DIGITS = 15
"""A float holds any decimal of so many digits without loss; longer ones are stored as text on SQLite."""


def stored_moment(value: datetime | None) -> str | None:
    """A moment as SQLite stores it: UTC, to the microsecond, without a zone. Raises `ValueError` where it has none."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(_ZONELESS)
    told = _json(value if value.tzinfo is UTC else value.astimezone(UTC)).decode()  # "2026-06-01T12:00:00.123456Z"
    return f"{told[1:11]} {told[12:27]}" if len(told) == _WITH_FRACTION else f"{told[1:11]} {told[12:20]}.000000"


class Timestamp(TypeDecorator[datetime]):
    """A moment, with a zone on every engine: `timestamp with time zone`, and UTC text on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(_ZONELESS)
        if dialect.name != "sqlite":
            return value
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """SQLite's text in one step: SQLAlchemy's takes a dozen, for each moment of each row that is written."""
        return stored_moment if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Uuid(TypeDecorator[UUID]):
    """A UUID: PostgreSQL's own, and text with dashes on SQLite, as it stands in JSON."""

    impl = sa.Uuid()
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return sa.String(36) if dialect.name == "sqlite" else sa.Uuid()

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        if isinstance(value, str) and _CANONICAL.fullmatch(value):
            return value
        return str(value if isinstance(value, UUID) else UUID(str(value)))

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return UUID(value) if isinstance(value, str) else value


class Numeric(TypeDecorator[Decimal]):
    """A decimal without loss: PostgreSQL's numeric; on SQLite a number up to 15 digits of declared precision, else
    text."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, precision: int | None = None, scale: int | None = None) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def _is_text(self, dialect: Dialect) -> bool:
        return dialect.name == "sqlite" and (self.precision is None or self.precision > _EXACT_DIGITS)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if self._is_text(dialect):
            return sa.Text()
        return sa.REAL() if dialect.name == "sqlite" else sa.Numeric(self.precision, self.scale)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        exact = Decimal(str(value))
        if self.scale is not None:
            exact = rounded(exact, self.scale)
        return format(exact, "f") if self._is_text(dialect) else float(exact)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        exact = Decimal(str(value))
        return rounded(exact, self.scale) if self.scale is not None else exact


def _check_name(constraint: sa.Constraint, table: sa.Table) -> str:
    """The name given to a check, or the column that it stands in, or the columns that it speaks of."""
    if constraint.name and isinstance(constraint.name, str):
        return constraint.name
    own = getattr(constraint, "parent", None)
    if isinstance(own, sa.Column):
        return own.name
    columns = getattr(constraint, "columns", ())
    return "_".join(sorted(column.name for column in columns)) or "row"


NAMES: dict[Any, Any] = {
    "check_name": _check_name,
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(check_name)s_check",
}
"""PostgreSQL's own names for what nobody named, so that messages and embed hints are the same on every engine."""


class Model(AsyncAttrs, DeclarativeBase):
    """The base of an app's models: plain SQLAlchemy, with types that keep their meaning on every engine.

    `str` is text, `datetime` a moment with a zone, `Decimal` exact, `UUID` and `dict` what one expects.
    """

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text(),
        datetime: Timestamp(),
        date: sa.Date(),
        time: sa.Time(),
        UUID: Uuid(),
        Decimal: Numeric(),
        float: sa.Double(),
        dict[str, Any]: sa.JSON(none_as_null=True),
        list[Any]: sa.JSON(none_as_null=True),
        list[str]: sa.JSON(none_as_null=True),
        list[int]: sa.JSON(none_as_null=True),
    }


def house_metadata() -> sa.MetaData:
    """Where a room declares tables of its own: in the schema `undercroft`, which no protocol serves."""
    return sa.MetaData(schema="undercroft", naming_convention=NAMES)
