"""Every operation of GoTrue's published OpenAPI is called, and answers as described."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.auth.contract import Operation, complaints, contract, operations
from tests.api.auth.people import Answer, People
from tests.conftest import SHARED
from undercroft.auth.routes import ROUTES

pytestmark = pytest.mark.needs("shared")

SETTINGS = {"enable_anonymous_sign_ins": True}
ALL = operations(contract(SHARED)) if SHARED.is_dir() else [Operation("GET", "/health")]

Call = Callable[[People], Answer]


def _password(house: People) -> Answer:
    email = house.fresh_email()
    house.signed_up(email)
    return house.ask("POST", "/token?grant_type=password", {"email": email, "password": "correct horse"})


def _as_user(method: str, path: str, body: Any = None) -> Call:
    return lambda house: house.ask(method, path, body, token=house.signed_up()["access_token"])


CALLS: dict[str, list[Call]] = {
    "POST /token": [
        _password,
        lambda house: house.ask(
            "POST", "/token?grant_type=refresh_token", {"refresh_token": house.signed_up()["refresh_token"]}
        ),
        lambda house: house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": "x"}),
    ],
    "POST /signup": [
        lambda house: house.ask("POST", "/signup", {"email": house.fresh_email(), "password": "correct horse"}),
        lambda house: house.ask("POST", "/signup", {}),
    ],
    "POST /logout": [_as_user("POST", "/logout"), lambda house: house.ask("POST", "/logout")],
    "GET /user": [_as_user("GET", "/user")],
    "PUT /user": [_as_user("PUT", "/user", {"data": {"nick": "ada"}})],
    "GET /health": [lambda house: house.ask("GET", "/health")],
    "GET /settings": [lambda house: house.ask("GET", "/settings")],
}
"""How each is called, by its name: once for each way that matters."""


def is_served(operation: Operation) -> bool:
    pattern = operation.pattern
    return any(route.method == operation.method and Operation(*route[:2]).pattern == pattern for route in ROUTES)


@pytest.mark.parametrize("operation", [each for each in ALL if is_served(each)], ids=str)
def test_an_operation_answers_as_described(house: People, operation: Operation, shared: Path) -> None:
    assert CALLS[str(operation)]
    for call in CALLS[str(operation)]:
        assert complaints(contract(shared), operation, call(house)) == []


def test_a_difference_is_noticed(house: People, shared: Path) -> None:
    """The control: the answer of one operation is none of another."""
    answer = house.ask("GET", "/health")
    assert complaints(contract(shared), Operation("POST", "/logout"), answer)
    answer = Answer(200, json={"access_token": 5})
    assert complaints(contract(shared), Operation("POST", "/token"), answer)
