"""Bodies: JSON, CSV and forms as rows, and the bounds on them."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from undercroft.rest.errors import BodyFault, RequestFault, TooLarge
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.media import BodyKind
from undercroft.rest.parts.payload import Payload, read_payload

LIMITS = Limits()


def refusal(body: bytes, kind: BodyKind = "json", limits: Limits = LIMITS) -> tuple[str, str]:
    with pytest.raises(RequestFault) as raised:
        read_payload(kind, body, limits)
    return raised.value.code, raised.value.message


@pytest.mark.parametrize(
    ("body", "columns", "rows", "single"),
    [
        (b'{"a":1,"b":null}', ("a", "b"), [{"a": 1, "b": None}], True),
        (b'\t\n [{"a":1}, {"a":"x"}]\n ', ("a",), [{"a": 1}, {"a": "x"}], False),
        (b"[]", (), [], False),
        (b"{}", (), [{}], True),
        (b"[{},{}]", (), [{}, {}], False),
        (b'[{"a":1,"b":2},{"b":3,"a":4}]', ("a", "b"), [{"a": 1, "b": 2}, {"b": 3, "a": 4}], False),
        (b'{"a":{"b":[1,true]}}', ("a",), [{"a": {"b": [1, True]}}], True),
        (b"3", (), [], False),
    ],
)
def test_json_is_read_as_rows(body: bytes, columns: tuple[str, ...], rows: list[object], single: bool) -> None:
    assert read_payload("json", body, LIMITS) == Payload(columns, rows, single)  # type: ignore[arg-type]  # rows of objects


def test_no_digit_of_a_number_is_lost() -> None:
    (row,) = read_payload("json", b'{"a":1.10,"b":0.1e-5,"c":123456789012345678901234567890,"d":1e5}', LIMITS).rows
    assert (str(row["a"]), row["b"], row["c"]) == ("1.10", Decimal("0.000001"), 123456789012345678901234567890)
    assert isinstance(row["d"], Decimal)


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"}{ x = 2", b'{"a":1', b"{'a':1}", b'{"a":NaN}', b'{"a":Infinity}', b"\xff", b'{"a":"\\ud800"}',
     b'{"a":1}x', b'\xef\xbb\xbf{}', b'{"a":1e99999999999}', b'{"a":' + b"1" * 1_000_000 + b"}"],
)  # fmt: skip
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert refusal(body) == ("PGRST102", "Empty or invalid json")


@pytest.mark.parametrize("body", [b'[{"a":1},{"b":1}]', b'[{"a":1},{"a":1,"b":2}]', b"[1]", b'[{"a":1},2]', b"[[]]"])
def test_rows_have_equal_keys(body: bytes) -> None:
    assert refusal(body) == ("PGRST102", "All object keys must match")


def test_uneven_rows_are_taken_where_columns_are_named() -> None:
    assert len(read_payload("json", b'[{"a":1},{"b":1}]', LIMITS, uneven=True).rows) == 2


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_a_hundred_thousand_levels_are_refused_at_once(opening: bytes) -> None:
    def seconds() -> float:
        started = time.process_time()
        assert refusal(opening * 100_000)[0] == "PGRST102"
        return time.process_time() - started

    assert min(seconds() for _ in range(3)) < 0.1  # a collection of garbage may fall into one of them


def test_bounds() -> None:
    assert refusal(b'{"a":"xxxxxxxxxx"}', limits=Limits(body_bytes=10))[0] == "UC413"
    assert refusal(b"[{},{},{}]", limits=Limits(rows=2)) == ("UC413", "A body may hold at most 2 rows")
    assert refusal(b'{"a":1,"b":2}', limits=Limits(columns=1)) == ("UC413", "A row may have at most 1 columns")
    assert refusal(b'{"a":[[1]]}', limits=Limits(json_depth=2)) == ("UC413", "JSON may be nested at most 2 deep")
    assert read_payload("json", b'{"a":[1]}', Limits(json_depth=2)).rows == [{"a": [1]}]
    assert read_payload("json", b'[{"a":"[[["},{"a":"[[["}]', Limits(json_depth=3)).rows[1] == {"a": "[[["}
    assert refusal(b"a\n1\n2\n3", "csv", Limits(rows=2))[0] == "UC413"
    assert refusal(b"a,b\n1,2", "csv", Limits(columns=1))[0] == "UC413"


@pytest.mark.parametrize(
    ("body", "columns", "rows"),
    [
        (b"a,b\nNULL,foo", ("a", "b"), [{"a": None, "b": "foo"}]),
        (b'a,b\r\n"1,2","x ""y"""\r\n', ("a", "b"), [{"a": "1,2", "b": 'x "y"'}]),
        (b'a\n"two\nlines"\n', ("a",), [{"a": "two\nlines"}]),
        (b"\xef\xbb\xbfa\n1\n", ("a",), [{"a": "1"}]),
        (b"a,b\n,\n", ("a", "b"), [{"a": "", "b": ""}]),
        (b"a,b\n", ("a", "b"), []),
    ],
)
def test_csv_is_read_as_rows(body: bytes, columns: tuple[str, ...], rows: list[dict[str, str | None]]) -> None:
    assert read_payload("csv", body, LIMITS) == Payload(columns, rows)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a,b\n1\n", "All lines must have same number of fields"),
        (b"a\n1,2\n", "All lines must have same number of fields"),
        (b"a,a\n1,2\n", "A column is named twice in the first line"),
        (b'a\n"open', "Invalid CSV"),
        (b'a\n"x"y', "Invalid CSV"),
        (b"a\n\xff", "The body is not UTF-8"),
        (b"a\n" + b"x" * 200_000, "Invalid CSV"),
    ],
)
def test_malformed_csv_is_refused(body: bytes, message: str) -> None:
    assert refusal(body, "csv") == ("PGRST102", message)


def test_a_form_is_one_row_of_texts() -> None:
    found = read_payload("form", b"a=1+2&b=%26&c&a=3", LIMITS)
    assert found == Payload(("a", "b", "c"), [{"a": "3", "b": "&", "c": ""}], single=True)
    with pytest.raises(BodyFault):
        read_payload("form", b"a=%FF", LIMITS)


def test_the_body_is_measured_before_it_is_read() -> None:
    with pytest.raises(TooLarge):
        read_payload("csv", b"\xff" * 100, Limits(body_bytes=99))
