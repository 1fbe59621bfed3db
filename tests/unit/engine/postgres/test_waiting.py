"""Waiting for a server: how long between two attempts, and what is not waited for."""

from __future__ import annotations

import psycopg
import pytest

from undercroft.engine.postgres import waiting


def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([*["connection failed: Connection refused\n\tIs it running?"] * 8, None])

    class Opened:
        def close(self) -> None:
            """It is there."""

    def connect_once(url: str) -> Opened:
        said = next(answers)
        if said is not None:
            raise psycopg.OperationalError(said)
        return Opened()

    monkeypatch.setattr(waiting, "connect_once", connect_once)
    slept: list[float] = []
    told: list[tuple[str, float]] = []
    waiting.wait_until_there("postgresql://", lambda *each: told.append(each), sleep=slept.append)
    assert slept == [1, 2, 4, 8, 16, 32, 32, 32] == [pause for _, pause in told]
    assert told[0][0] == "connection failed: Connection refused Is it running?"


@pytest.mark.parametrize(
    ("said", "for_now"),
    [
        ('connection to server at "127.0.0.1", port 1 failed: Connection refused', True),
        ('could not translate host name "db" to address', True),
        ("FATAL:  the database system is starting up", True),
        ("FATAL:  sorry, too many clients already", True),
        ('FATAL:  password authentication failed for user "x"', False),
        ('FATAL:  database "x" does not exist', False),
        ('FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "x"', False),
        ('root certificate file "x" does not exist', False),
        ("server does not support SSL, but SSL was required", False),
    ],
)
def test_what_is_waited_for(said: str, for_now: bool) -> None:
    assert waiting.is_for_now(said) is for_now
