"""A house with people in it for each module, on each engine; its settings are the module's `SETTINGS`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.auth.people import People, people
from tests.api.auth.places import Round, way


@pytest.fixture(scope="module")
def house(
    request: pytest.FixtureRequest, server: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[People]:
    """The house, on a database of its own."""
    settings = getattr(request.module, "SETTINGS", {})
    with people(tmp_path_factory.mktemp("people"), server, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def trip(
    request: pytest.FixtureRequest, server: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Round]:
    """A house that other places tell of people, and where addresses are confirmed by mail."""
    with way(tmp_path_factory.mktemp("places"), server, **getattr(request.module, "SETTINGS", {})) as made:
        yield made


@pytest.fixture(scope="module")
def trusting(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    """The same, where addresses of new accounts are taken as they come."""
    numbers = {"sms_enable_signup": True, "sms_max_frequency": 0, "sms_test_otp": '{"15550001": "123456"}'}
    with way(tmp_path_factory.mktemp("places"), server, email_enable_confirmations=False, **numbers) as made:
        yield made
