"""The names of what nobody named are PostgreSQL's."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from undercroft.models.base import NAMES


def test_checks_are_named_after_their_column_or_their_table() -> None:
    table = sa.Table(
        "cards",
        sa.MetaData(naming_convention=NAMES),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cost", sa.Integer, sa.CheckConstraint("cost >= 0")),
        sa.Column("weight", sa.Integer, sa.CheckConstraint("weight >= 0")),
        sa.Column("owner", sa.Integer, sa.ForeignKey("cards.id")),
        sa.CheckConstraint("cost < 10", name="cheap"),
        sa.CheckConstraint("cost > weight"),
    )
    assert sorted(re.findall(r"CONSTRAINT (\w+)", str(CreateTable(table)))) == [
        "cards_cost_check",
        "cards_owner_fkey",
        "cards_pkey",
        "cards_row_check",
        "cards_weight_check",
        "cheap",
    ]
