"""Log lines are JSON or made for people, and hold no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from undercroft.base.settings import Log
from undercroft.web.log import configure_log, hide_secrets

TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The process's logging is left as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    named = {name: logging.getLogger(name).level for name in ("uvicorn.error", "watchfiles", "asyncio")}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in named.items():
        logging.getLogger(name).setLevel(before)


def lines(settings: Log) -> tuple[io.StringIO, Any]:
    stream = io.StringIO()
    configure_log(settings, stream)
    return stream, structlog.get_logger()


def test_json_by_default_where_nobody_looks() -> None:
    stream, log = lines(Log())
    log.info("request", path="/posts", status=200, ms=1.5)
    logging.getLogger("somebody.else").warning("about %s", "it")
    log.debug("too much")
    ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ours.pop("time").endswith("Z")
    assert ours == {"event": "request", "level": "info", "path": "/posts", "status": 200, "ms": 1.5}
    assert (theirs["event"], theirs["level"]) == ("about it", "warning")


def test_the_level() -> None:
    stream, log = lines(Log(level="error"))
    log.warning("no")
    logging.getLogger("x").warning("no")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_an_exception_with_its_traceback_and_without_a_secret(form: Any) -> None:
    stream, log = lines(Log(format=form))
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError as error:
        log.exception("crash", exc_info=error)
        logging.getLogger("x").exception("theirs")
    text = stream.getvalue()
    assert text.count("Traceback (most recent call last)") == 2
    assert text.count("ValueError: bad token (secret)") == 2
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"Bearer {TOKEN}", "Bearer (secret)"),
        ("key sb_secret_abc-123 here", "key (secret) here"),
        ("postgresql://ada:pass@host/db", "postgresql://(secret)@host/db"),
        ("/x?apikey=abc&b=1", "/x?apikey=(secret)&b=1"),
        ("https://example.org/a:b@c", "https://example.org/a:b@c"),
        ("nothing at all", "nothing at all"),
    ],
)
def test_what_is_hidden(value: str, shown: str) -> None:
    assert hide_secrets(None, "info", {"value": value, "n": 1}) == {"value": shown, "n": 1}


def test_values_that_json_does_not_know_do_not_break_the_line() -> None:
    stream, log = lines(Log())
    log.info("odd", value=object, other={1, 2}, error=ValueError("x"))
    assert json.loads(stream.getvalue())["error"] == "ValueError('x')"


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_no_callers_text_steers_a_terminal(form: Any) -> None:
    stream, log = lines(Log(format=form))
    log.error("fault", path="/x\x1b[31m\x9b31m\u202ey\x85z", exception="one\ntwo", name="Größe\xa0圍")
    text = stream.getvalue()
    assert not set("\x1b\x9b\u202e\x85") & set(text)
    assert r"\x9b31m" in text.replace("\\\\", "\\")
    assert "Größe\xa0圍" in text
    assert ("one\ntwo" if form == "pretty" else r"one\ntwo") in text
