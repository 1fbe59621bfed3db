"""What the experiments with the outbox share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.jobs_ledger import Subjects


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def subjects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subjects]:
    """Processes that enqueue and work, on a database of their own."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Subjects(tmp_path, url)
    try:
        yield made
    finally:
        made.close()
