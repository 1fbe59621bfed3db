"""Serves the exam's fixture on SQLite under one of its configurations: `python -m tests.exam.serve --config FILE
--port N`.

The fixture's tables and rows come from `tables.json` beside the cases; the configuration is a JSON file of PostgREST's
settings. The anonymous role may do everything, as in the fixture's grants.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from sqlalchemy.orm import DeclarativeBase

from undercroft import Uuid
from undercroft.app import App, House, build
from undercroft.base.settings import Settings
from undercroft.base.settings.postgrest import from_postgrest
from undercroft.catalog.kinds import Kind, kind_of

TYPES: dict[str, Any] = {
    "integer": sa.Integer, "smallint": sa.SmallInteger, "bigint": sa.BigInteger, "text": sa.Text, "numeric": sa.Numeric,
    "character varying": sa.String, "jsonb": sa.JSON, "json": sa.JSON, "uuid": Uuid, "boolean": sa.Boolean,
    "date": sa.Date, "real": sa.REAL, "double precision": sa.Double,
}  # fmt: skip


class Fixture(DeclarativeBase):
    """The exam's tables; no classes are mapped."""


def add_tables(document: dict[str, Any]) -> None:
    """Declare the fixture's tables."""
    for table in document["tables"]:
        columns = [_column(column, table) for column in table["columns"]]
        unique = [sa.UniqueConstraint(*each["columns"], name=each["name"]) for each in table["unique"]]
        keys = [
            sa.ForeignKeyConstraint(
                key["columns"], [f"{key['ref_table']}.{name}" for name in key["ref_columns"]], name=key["name"]
            )
            for key in table["foreign_keys"]
        ]
        sa.Table(table["name"], Fixture.metadata, *columns, *unique, *keys)


def _column(column: dict[str, Any], table: dict[str, Any]) -> sa.Column[Any]:
    default = column.get("default")
    value = default["value"] if default else None
    return sa.Column(
        column["name"],
        TYPES[column["pg_type"]](),
        primary_key=column["name"] in table["primary_key"],
        autoincrement=bool(column.get("autoincrement")),
        nullable=column["nullable"],
        server_default=None
        if default is None
        else sa.text(json.dumps(value) if isinstance(value, int) else "'" + str(value) + "'"),
    )


def fill(house: House, document: dict[str, Any]) -> None:
    """Create the tables and insert their rows."""
    dialect = house.engine.dialect
    with house.engine.migration_connection() as connection:
        Fixture.metadata.create_all(connection)
        for table in document["tables"]:
            element = Fixture.metadata.tables[table["name"]]
            for row in table["rows"]:
                values = {
                    name: house.pipeline.dialect.row_value(
                        _kind(element.c[name]), element.c[name].type, text_rows=False
                    )(value)
                    for name, value in row.items()
                }
                quoted = dialect.identifier_preparer.quote
                names = ", ".join(quoted(name) for name in values)
                marks = ", ".join("?" for _ in values)
                text = f"INSERT INTO {quoted(table['name'])} ({names}) VALUES ({marks})" if values else ""
                connection.exec_driver_sql(text, tuple(values.values()))
        connection.commit()


def _kind(column: sa.Column[Any]) -> Kind:
    return kind_of(column.type)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    document = json.loads(options.tables.read_text())
    settings = from_postgrest(json.loads(options.config.read_text()))
    postgrest = settings.postgrest.model_copy(update={"stand_in": True})
    with tempfile.TemporaryDirectory() as folder:
        data = settings.database.model_copy(update={"data": Path(folder) / "data"})
        uvicorn.run(
            application(document, settings.model_copy(update={"database": data, "postgrest": postgrest})),
            port=options.port,
            log_level="warning",
        )


def application(document: dict[str, Any], settings: Settings) -> App:
    """The fixture as an app, open to the anonymous role."""
    add_tables(document)
    app = App(Fixture, settings=settings)
    app.bypass = frozenset({settings.api.anon_role or "anon"})
    house = build(app, settings, dev=True, prefix=b"", require_filter=False)
    house.prepare = lambda: fill(house, document)
    app.house = house
    return app


if __name__ == "__main__":
    main()
