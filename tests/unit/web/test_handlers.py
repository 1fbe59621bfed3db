"""Signatures of functions and pages: where each argument comes from, and what is made of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from undercroft.base.faults import Fault, SetupFault
from undercroft.web.forms import Form, Upload
from undercroft.web.handlers import FormErrors, read_handler, shaped
from undercroft.web.received import WebRequest
from undercroft.web.types import Request

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")


class Order(BaseModel):
    what: str
    count: int = 1


@dataclass
class Box:
    size: float


def request(query: bytes = b"", body: bytes = b"", *headers: tuple[bytes, bytes]) -> WebRequest:
    parts = [body]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(), "more_body": False}

    return WebRequest(Request("POST", b"/x", query, list(headers), receive, 10_000), "/x")


def arguments(run: Any, given: WebRequest, *, payload: str = "body", **segments: str) -> dict[str, Any]:
    handler = read_handler(run, payload=payload, segments=segments)
    return asyncio.run(handler.arguments(given, segments))


def test_every_place() -> None:
    async def run(
        ctx: Any, slug: str, body: Order, asked: WebRequest, n: int, tags: list[str] | None = None, on: bool = False
    ) -> None: ...

    given = request(b"n=7&tags=a&tags=b&on=true&slug=query", b'{"what": "tea"}', JSON)
    found = arguments(run, given, slug="path")
    assert found == {"slug": "path", "body": Order(what="tea"), "asked": given, "n": 7, "tags": ["a", "b"], "on": True}


@pytest.mark.filterwarnings("error")
def test_a_name_that_a_model_has_too_is_a_name_like_others() -> None:
    async def run(ctx: Any, copy: int, json: str = "j", schema: bool = False) -> None: ...

    assert arguments(run, request(b"copy=7")) == {"copy": 7, "json": "j", "schema": False}


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (bytes, b"\0", b"\0"),
        (str, "ä".encode(), "ä"),
        (int, b"7", 7),
        (list[int], b"[1,2]", [1, 2]),
        (dict[str, Any], b'{"a": [null]}', {"a": [None]}),
        (Box, b'{"size": 2}', Box(2.0)),
        (Box | None, b"null", None),
        (Annotated[int, Field(gt=3)], b"4", 4),
        (Order | list[Order], b'[{"what": "tea"}]', [Order(what="tea")]),
    ],
)
def test_bodies(annotation: Any, body: bytes, value: Any) -> None:
    async def run(ctx: Any, body: Any) -> None: ...

    run.__annotations__["body"] = annotation
    assert arguments(run, request(b"", body, JSON)) == {"body": value}


def test_bodies_that_may_be_left_out() -> None:
    async def optional(ctx: Any, body: Order | None) -> None: ...
    async def default(ctx: Any, body: Order = Order(what="tea")) -> None: ...  # noqa: B008  # as an app would write it
    async def wanted(ctx: Any, body: Order) -> None: ...

    assert arguments(optional, request()) == {"body": None}
    assert arguments(default, request()) == {}
    with pytest.raises(Fault) as fault:
        arguments(wanted, request())
    assert fault.value.code == "PGRST102"


def test_mistakes_name_their_place_and_show_no_input() -> None:
    async def run(ctx: Any, body: Order, n: int = 0) -> None: ...

    for given, place in (
        (request(b"", b'{"count": "canary"}', JSON), "body.what"),
        (request(b"n=canary", b'{"what": "x"}', JSON), "n"),
        (request(b"", b"count=canary&what=x", FORM), "body.count"),
    ):
        with pytest.raises(Fault) as fault:
            arguments(run, given)
        assert (fault.value.code, fault.value.message.split(":")[0]) == ("22P02", f"invalid argument {place}")
        assert "canary" not in f"{fault.value.message}{fault.value.details}"


def test_a_form_with_mistakes() -> None:
    async def run(ctx: Any, errors: FormErrors, form: Order | None = None) -> None: ...

    found = arguments(run, request(b"", b"count=many", FORM), payload="form")
    errors = found["errors"]
    assert found["form"] is None
    assert errors["what"] == "Field required"
    assert errors["count"].startswith("Input should be a valid integer")
    assert (errors["other"], errors.typed("count"), errors.typed("what", "tea")) == ("", "many", "tea")
    fine = arguments(run, request(b"", b"what=tea&count=", FORM), payload="form")
    assert (fine["form"], not fine["errors"]) == (Order(what="tea"), True)


def test_forms_as_objects() -> None:
    upload = Upload("a", "b", b"")
    form: list[tuple[str, str | Upload]] = [
        ("a", ""),
        ("b", ""),
        ("c", ""),
        ("d", "1"),
        ("d", "2"),
        ("e", "1"),
        ("f", upload),
        ("g", ""),
        ("e", "2"),
    ]
    fields = {"a": str, "b": int, "c": int | None, "d": list[int], "f": Upload, "g": str | None}
    assert shaped(form, fields) == {"a": "", "c": None, "d": ["1", "2"], "e": "2", "f": upload, "g": None}


def test_a_form_as_it_is() -> None:
    async def run(ctx: Any, body: Form) -> None: ...

    form = arguments(run, request(b"", b"a=1&a=2", FORM))["body"]
    assert (form.get("a"), form.texts("a"), form.file("a"), len(form.less("a"))) == ("1", ["1", "2"], None, 0)
    assert "1" not in repr(form)


def test_signatures_that_are_wrong() -> None:
    def plain(ctx: Any) -> None: ...
    async def nothing() -> None: ...
    async def starred(ctx: Any, *more: int) -> None: ...
    async def untyped(ctx, n): ...  # type: ignore[no-untyped-def]
    async def odd(ctx: Any, n: object) -> None: ...
    async def socket(ctx: Any, body: asyncio.Event) -> None: ...
    async def lonely(ctx: Any, errors: FormErrors) -> None: ...

    for run, why in (
        (plain, "async def"), (nothing, "the context"), (starred, r"takes \*more"), (untyped, "needs a type"),
        (socket, "cannot be read from a body"), (lonely, "errors of a form"),
    ):  # fmt: skip
        with pytest.raises(SetupFault, match=rf"test_handlers.py:\d+: .*{why}"):
            read_handler(run, payload="body")
    assert read_handler(odd, payload="body").payload is None
