"""Arguments and results of functions: from texts and JSON to Python, and back to JSON as rows have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict

from undercroft.base.faults import Fault
from undercroft.models.functions import Function, read_function
from undercroft.pipeline.arguments import read_arguments
from undercroft.pipeline.results import write_result


class Point(BaseModel):
    x: float


@dataclass
class Size:
    wide: int


class Named(TypedDict):
    name: str


class Colour(Enum):
    RED = "red"


def taking(annotation: Any) -> Function:
    """A function with one argument of this type."""

    async def called(ctx: Any, value: Any) -> None:
        return None

    called.__annotations__ = {"value": annotation, "return": None}
    return read_function(called, name=None, roles=frozenset(), read_only=True)


TEXTS: list[tuple[Any, str, Any]] = [
    (int, "5", 5),
    (bool, "true", True),
    (bool, "f", False),
    (float, "1e3", 1000.0),
    (Decimal, "1.10", Decimal("1.10")),
    (str, "{1,2}", "{1,2}"),
    (str, "", ""),
    (bytes, "[1]", b"[1]"),
    (date, "2026-01-02", date(2026, 1, 2)),
    (UUID, "0a000000-0000-4000-8000-000000000001", UUID("0a000000-0000-4000-8000-000000000001")),
    (Literal["a", "b"], "b", "b"),
    (Colour, "red", Colour.RED),
    (int | None, "5", 5),
    (list[int], "{1,2}", [1, 2]),
    (list[int], "[1,2]", [1, 2]),
    (list[int], "{}", []),
    (list[int] | None, "{3}", [3]),
    (list[int | None], "{1,NULL}", [1, None]),
    (list[str], '{a,"b, c","NULL"}', ["a", "b, c", "NULL"]),
    (list[Point], '[{"x":1}]', [Point(x=1)]),
    (tuple[int, ...], "{1}", (1,)),
    (set[int], "{1,1}", {1}),
    (Annotated[list[int], Field(max_length=3)], "{1,2}", [1, 2]),
    (dict[str, int], '{"a":1}', {"a": 1}),
    (Mapping[str, int], '{"a":1}', {"a": 1}),
    (Point, '{"x":1}', Point(x=1)),
    (Point | None, '{"x":1}', Point(x=1)),
    (Size, '{"wide":1}', Size(1)),
    (Named, '{"name":"a"}', {"name": "a"}),
    (Any, "[1]", "[1]"),
    (str | list[int], "[1]", "[1]"),
    (dict[str, int] | list[int], "[1]", [1]),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TEXTS, ids=lambda each: str(each)[:40])
def test_a_text_becomes_what_is_declared(annotation: Any, text: str, value: Any) -> None:
    found = read_arguments(taking(annotation), {"value": text}, texts=True)["value"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "x"),
        (int, "{1}"),
        (list[int], "1,2"),
        (list[int], "{1"),
        (list[int], "{1,x}"),
        (list[int], "{{1},{2}}"),
        (list[int], ""),
        (list[int], '{"a":1}'),
        (dict[str, int], "{1}"),
        (dict[str, int], "[1]"),
        (Point, "1"),
        (Point, '{"x":1,"x"'),
        (Annotated[list[int], Field(max_length=1)], "{1,2}"),
        (list[int], "{" * 5000),
    ],
)
def test_another_text_is_refused_and_not_repeated(annotation: Any, text: str) -> None:
    with pytest.raises(Fault) as refused:
        read_arguments(taking(annotation), {"value": text}, texts=True)
    assert refused.value.code == "22P02"
    assert refused.value.message.startswith("invalid argument value")
    assert len(refused.value.message) < 200


def test_json_is_taken_as_it_is() -> None:
    assert read_arguments(taking(list[int]), {"value": [1, "2"]}, texts=False) == {"value": [1, 2]}
    assert read_arguments(taking(Any), {"value": "{1}"}, texts=False) == {"value": "{1}"}
    with pytest.raises(Fault):
        read_arguments(taking(list[int]), {"value": "{1,2}"}, texts=False)


RESULTS: list[tuple[Any, Any, str]] = [
    (int, 5, "5"),
    (int, 2**70, str(2**70)),
    (Decimal, Decimal("12345678901234567890.10"), "12345678901234567890.10"),
    (dict[str, Any], {"a": [Decimal("1.5"), (1, 2)]}, '{"a":[1.5,[1,2]]}'),
    (datetime, datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00+00:00"'),
    (date, date(2026, 1, 2), '"2026-01-02"'),
    (bytes, b"\x00\xff", r'"\\x00ff"'),
    (UUID, UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (Colour, Colour.RED, '"red"'),
    (float, float("nan"), "null"),
    (Point, Point(x=1), '{"x":1.0}'),
    (list[Size], [Size(2)], '[{"wide":2}]'),
    (Any, None, "null"),
    (set[int], {1}, "[1]"),
    (str, 'é"\n', '"é\\"\\n"'),
]


@pytest.mark.parametrize(("annotation", "value", "text"), RESULTS, ids=lambda each: str(each)[:30])
def test_a_result_is_written_as_rows_have_it(annotation: Any, value: Any, text: str) -> None:
    written = write_result(TypeAdapter(annotation), value).decode()
    assert written == text
    json.loads(written)


@pytest.mark.parametrize(("annotation", "value"), [(int, "x"), (Point, {"y": 1}), (list[int], 5)])
def test_a_result_of_another_type_is_its_author_s_fault(annotation: Any, value: Any) -> None:
    with pytest.raises(PydanticSerializationError):
        write_result(TypeAdapter(annotation), value)


def test_a_function_s_own_checks_hold_for_texts_too() -> None:
    limited: Callable[[str], Any] = lambda text: read_arguments(  # noqa: E731
        taking(Annotated[int, Field(ge=1)]), {"value": text}, texts=True
    )
    assert limited("1") == {"value": 1}
    with pytest.raises(Fault):
        limited("0")
