"""One database for all modules of this folder: each request ends in a transaction of its own, rolled back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.database.place import Served


@pytest.fixture(scope="package")
def served(postgres_server: str) -> Iterator[Served]:
    """The database of `served.sql`."""
    with Served(postgres_server) as place:
        yield place
