"""The statements about kept answers, in both dialects."""

from __future__ import annotations

from pathlib import Path

import pytest

from undercroft.engine import SQLiteEngine, SQLiteSettings
from undercroft.pipeline.key_store import KeyStatements, key_statements
from undercroft.sql.postgres import AppPostgresDialect, TextDialect
from undercroft.sql.sqlite import SqliteDialect


@pytest.fixture(params=["sqlite", "postgresql"])
def statements(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStatements:
    if request.param == "postgresql":
        return key_statements(AppPostgresDialect(TextDialect()))
    return key_statements(SqliteDialect(SQLiteEngine(SQLiteSettings(tmp_path / "x.db")).dialect))


def test_values_are_bound(statements: KeyStatements) -> None:
    values = {"scope": "s'", "key": "k'", "request": "r", "created": 1, "expires": 2}
    assert [str(each) for each in statements.claimed.args(**values)] == ["s'", "k'", "r", "1", "2"]
    for each in (statements.claimed, statements.found, statements.known, statements.kept, statements.dropped):
        assert "'" not in each.text


def test_a_key_is_taken_or_left(statements: KeyStatements) -> None:
    assert "ON CONFLICT (scope," in statements.claimed.text
    assert "DO NOTHING" in statements.claimed.text
    assert "RETURNING" in statements.claimed.text


def test_a_sweep_is_bounded(statements: KeyStatements) -> None:
    assert "LIMIT" in statements.swept.text
    assert str(statements.swept.args(now=7)[0]) == "7"
