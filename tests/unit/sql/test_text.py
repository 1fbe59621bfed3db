"""Texts inside statements."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from undercroft.sql.text import concat, text_literal


@pytest.mark.parametrize("place", [0, 12, 30, 59])
def test_json_stands_anywhere_among_texts_that_are_joined(place: int) -> None:
    """A warning of SQLAlchemy's about operators that a type does not have is an error here."""
    parts = [sa.column(f"c{number}", sa.JSON() if number == place else sa.Text()) for number in range(60)]
    joined = concat(parts)
    assert isinstance(joined.type, sa.Text)
    assert str(joined).count("||") == 59


def test_neighbouring_literals_are_one() -> None:
    assert str(concat([text_literal("a"), text_literal("'b"), sa.column("c", sa.Text())])) == "'a''b' || c"
