"""Every operation of GoTrue's published OpenAPI is called, and answers as described."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.auth import calls
from tests.api.auth.calls import CALLS
from tests.api.auth.contract import Operation, complaints, contract, operations
from tests.api.auth.people import Answer
from tests.api.auth.places import Round
from tests.conftest import SHARED
from undercroft.auth.routes import ROUTES

pytestmark = pytest.mark.needs("shared")

SETTINGS = calls.SETTINGS

ALL = operations(contract(SHARED)) if SHARED.is_dir() else [Operation("GET", "/health")]


def is_served(operation: Operation) -> bool:
    pattern = operation.pattern
    return any(route.method == operation.method and Operation(*route[:2]).pattern == pattern for route in ROUTES)


def test_every_operation_is_served() -> None:
    assert [each for each in ALL if not is_served(each)] == []


@pytest.mark.parametrize("operation", ALL, ids=str)
def test_an_operation_answers_as_described(trip: Round, operation: Operation, shared: Path) -> None:
    assert CALLS[str(operation)]
    for call in CALLS[str(operation)]:
        assert complaints(contract(shared), operation, call(trip)) == []


def test_a_difference_is_noticed(trip: Round, shared: Path) -> None:
    """The control: the answer of one operation is none of another."""
    answer = trip.house.ask("GET", "/health")
    assert complaints(contract(shared), Operation("POST", "/logout"), answer)
    answer = Answer(200, json={"access_token": 5})
    assert complaints(contract(shared), Operation("POST", "/token"), answer)
