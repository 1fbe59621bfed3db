"""A house with people in it for each module, on each engine; its settings are the module's `SETTINGS`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.auth.people import People, people


@pytest.fixture(scope="module")
def house(
    request: pytest.FixtureRequest, server: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[People]:
    """The house, on a database of its own."""
    settings = getattr(request.module, "SETTINGS", {})
    with people(tmp_path_factory.mktemp("people"), server, **settings) as made:
        yield made
