"""A CHECK that is declared on its column reaches the database, and is not found missing at the next start."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from undercroft.engine import SQLiteEngine, SQLiteSettings
from undercroft.engine.migrate import place_of, sync
from undercroft.models.base import NAMES


def test_a_check_on_a_column(tmp_path: Path) -> None:
    metadata = sa.MetaData(naming_convention=NAMES)
    name = sa.Column("name", sa.Text, sa.CheckConstraint("length(name) BETWEEN 3 AND 30"), unique=True)
    sa.Table("people", metadata, sa.Column("id", sa.Integer, primary_key=True), name)
    settings = SQLiteSettings(tmp_path / "data.db")
    place = place_of(settings, tmp_path)
    assert sync(metadata, place).steps == ("creates table people",)
    assert sync(metadata, place).steps == ()
    with SQLiteEngine(settings).migration_connection() as connection:
        (text,) = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'people'").one()
    assert "BETWEEN 3 AND 30" in text
