"""A service that knows all leaked passwords is asked by the beginning of a hash; without it, the list has to do."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.api.auth.people import Answer, People, people
from tests.receiver import Answered, Got, Receiver, listening

LEAKED, PADDING = "leaked long ago", "nobody has this"


def hashed(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def range_of(got: Got) -> Answered:
    """As https://haveibeenpwned.com/API/v3 answers: the rest of each hash that begins so, with its count."""
    prefix = got.target.rpartition("/")[2]
    known = [(LEAKED, 3), (PADDING, 0)]
    lines = [f"{hashed(word)[5:]}:{count}" for word, count in known if hashed(word).startswith(prefix)]
    return 200, {}, "\r\n".join([*lines, "0" * 35 + ":7"]).encode()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[People, Receiver]]:
    """A house that asks such a service; nothing of it depends on the engine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings: dict[str, Any] = {
        "breached_passwords": f"http://127.0.0.1:{port}/range", "UNDERCROFT_OUTGOING_ALLOW": f"127.0.0.1:{port}",
    }  # fmt: skip
    with people(tmp_path_factory.mktemp("asking"), None, **settings) as house:
        receiver, stack = Receiver(port, handler=range_of), AsyncExitStack()
        house.run(stack.enter_async_context(listening(receiver.serve, port=port)))
        yield house, receiver
        house.run(stack.aclose())


def signed_up(house: People, password: str) -> Answer:
    return house.ask("POST", "/signup", {"email": house.fresh_email(), "password": password})


def test_a_leaked_password_is_refused_and_nobody_is_told_it(asking: tuple[People, Receiver]) -> None:
    house, receiver = asking
    receiver.handler = range_of
    receiver.got.clear()
    answer = signed_up(house, LEAKED)
    assert answer.status_code == 422
    assert answer.json()["weak_password"]["reasons"] == ["pwned"]
    assert [(got.method, got.target, got.body) for got in receiver.got] == [
        ("GET", f"/range/{hashed(LEAKED)[:5]}", b"")
    ]
    assert receiver.got[0].headers["add-padding"] == "true"
    assert hashed(LEAKED)[5:] not in str(receiver.got)
    assert signed_up(house, "of nobody else").status_code == 200


def test_padding_is_no_password(asking: tuple[People, Receiver]) -> None:
    house, receiver = asking
    receiver.handler = range_of
    assert signed_up(house, PADDING).status_code == 200


def test_what_is_on_the_list_is_asked_of_nobody(asking: tuple[People, Receiver]) -> None:
    house, receiver = asking
    receiver.handler = range_of
    receiver.got.clear()
    assert signed_up(house, "iloveyou123").json()["weak_password"]["reasons"] == ["pwned"]
    assert receiver.got == []


@pytest.mark.parametrize("answer", [(503, {}, b"canary"), (200, {}, b"\xff\xfe"), (200, {}, b"<html>"), (302, {}, b"")])
def test_an_outage_keeps_nobody_out(asking: tuple[People, Receiver], answer: Answered) -> None:
    house, receiver = asking
    receiver.handler = lambda got: answer
    told = signed_up(house, LEAKED)
    assert told.status_code == 200, told.text
    assert signed_up(house, "iloveyou123").status_code == 422
