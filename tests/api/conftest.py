"""Scenarios run on both engines: a module's place takes `server`, which is None for SQLite."""

from __future__ import annotations

import pytest


@pytest.fixture(
    scope="module",
    params=[None, pytest.param("postgres", marks=pytest.mark.needs("postgres"))],
    ids=["sqlite", "postgres"],
)
def server(request: pytest.FixtureRequest) -> str | None:
    """The URL of a PostgreSQL; None for SQLite."""
    if request.param is None:
        return None
    url: str = request.getfixturevalue("postgres_server")
    return url
