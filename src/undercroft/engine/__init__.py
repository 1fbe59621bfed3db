"""The databases: one protocol, and the engine that keeps it on SQLite."""

from undercroft.engine.errors import DatabaseFault
from undercroft.engine.sqlite.engine import SQLiteEngine
from undercroft.engine.sqlite.settings import SQLiteSettings
from undercroft.engine.types import Cursor, Engine, EngineStats, Local, Row, Transaction

__all__ = [
    "Cursor",
    "DatabaseFault",
    "Engine",
    "EngineStats",
    "Local",
    "Row",
    "SQLiteEngine",
    "SQLiteSettings",
    "Transaction",
]
