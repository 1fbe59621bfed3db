"""One place with the world in it for each module of this ring that only reads, and a fresh one for each test that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.scenario import Place
from tests.security.world import fill, make_app


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The world, for tests that leave it as it is (writes end with `Prefer: tx=rollback`)."""
    yield from _open(tmp_path_factory.mktemp("world"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    """The world, for one test alone."""
    yield from _open(tmp_path)


def _open(folder: Path) -> Iterator[Place]:
    with Place(make_app(), folder, UNDERCROFT_API_TX_END="commit-allow-override") as place:
        fill(place)
        yield place
