"""Words for SQLite's column declarations that keep what a column was on PostgreSQL, so that it can go back.

SQLite keeps any words and derives only an affinity from them; these are chosen so that no stored value is changed by
it: https://sqlite.org/datatype3.html, section 3.1.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType


class Declared(UserDefinedType[Any]):
    """A column of these words; `exact` stores decimals as text."""

    cache_ok = True

    def __init__(self, words: str, *, exact: bool = False) -> None:
        self.words = words
        self.exact = exact

    def get_col_spec(self, **_: Any) -> str:
        return self.words
