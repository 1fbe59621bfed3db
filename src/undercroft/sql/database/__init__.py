"""Statements for a database whose own roles, grants and row-level security decide: nothing in them authorises."""

from __future__ import annotations

from undercroft.sql.database.dialect import DatabaseDialect
from undercroft.sql.database.explain import Explained, explained
from undercroft.sql.database.read import write_database_estimate, write_database_questions, write_database_read
from undercroft.sql.database.write import PAYLOAD, write_database_write

__all__ = [
    "PAYLOAD",
    "DatabaseDialect",
    "Explained",
    "explained",
    "write_database_estimate",
    "write_database_questions",
    "write_database_read",
    "write_database_write",
]
