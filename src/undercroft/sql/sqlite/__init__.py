"""The declared differences of SQLite."""

from undercroft.sql.sqlite.dialect import SqliteDialect
from undercroft.sql.sqlite.loose import LooseSqliteDialect

__all__ = ["LooseSqliteDialect", "SqliteDialect"]
