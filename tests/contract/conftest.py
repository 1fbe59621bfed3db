"""What the contract tests of the engines share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.engine_cases import LIBRARIES, POSTGRES, Open, opener, postgres_opener
from undercroft.engine import Engine


@pytest.fixture(params=[*LIBRARIES, POSTGRES])
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_engine(library: str, tmp_path: Path, request: pytest.FixtureRequest) -> Open:
    if library == "postgres":
        return postgres_opener(request.getfixturevalue("postgres_url"))
    return opener(library, tmp_path)


@pytest.fixture
async def engine(open_engine: Open) -> AsyncIterator[Engine]:
    async with open_engine() as started:
        yield started
