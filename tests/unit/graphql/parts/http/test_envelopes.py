"""Messages of a body and of a URL: typed, bounded, with every digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from undercroft.graphql.errors import LimitFault, MessageFault
from undercroft.graphql.parts.http.envelopes import Envelope, read_body, read_parameters


def test_a_body_of_one_and_of_several() -> None:
    body = b'{"query": "{a}", "variables": {"n": 1.10, "i": 9007199254740993}, "operationName": "Q", "other": [1]}'
    one = Envelope("{a}", {"n": Decimal("1.10"), "i": 9007199254740993}, "Q")
    assert read_body(body, depth=5, batch=1) == one
    assert read_body(b"[" + body + b"]", depth=5, batch=1) == [one]
    assert read_body(b'{"query": null, "variables": null, "extensions": null}', depth=5, batch=1) == Envelope()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b'{"query":', b"7", b"null", b'"{a}"', b"[]", b"[7]", b"[[]]", b'{"query": 7}',
        b'{"query": ["{a}"]}', b'{"query": "{a}", "variables": [7]}', b'{"query": "{a}", "variables": "{}"}',
        b'{"query": "{a}", "operationName": false}', b'{"query": "{a}", "extensions": 0}', b'{"query": "\xff"}',
        b'{"query": "{a}", "variables": {"n": 1e999999999}}', b'{"query": "\\ud800"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(MessageFault):
        read_body(body, depth=5, batch=10)


def test_a_batch_and_its_variables_are_bounded() -> None:
    with pytest.raises(LimitFault, match="at most 2 messages"):
        read_body(b'[{"query": "{a}"}, {"query": "{a}"}, {"query": "{a}"}]', depth=5, batch=2)
    deep = b'{"variables": {"a": ' + b"[" * 5 + b"]" * 5 + b"}}"
    assert read_body(deep, depth=6, batch=1)
    with pytest.raises(LimitFault, match="5 deep"):
        read_body(deep, depth=5, batch=1)


def test_the_parameters_of_a_url() -> None:
    query = b"query=%7Ba%7D&variables=%7B%22n%22%3A1.10%7D&operationName=&extensions=null&v=1&v=2"
    assert read_parameters(query, depth=5) == Envelope("{a}", {"n": Decimal("1.10")})
    assert read_parameters(b"", depth=5) == Envelope()
    assert read_parameters(b"query=query+Q{a}&operationName=null", depth=5).operation == "null"


@pytest.mark.parametrize(
    "query",
    [b"variables=7", b"variables=[]", b"variables={", b"extensions=x", b"query=%ff", b"query=\xff", b"query=a&query=a",
     b"&".join(b"a=1" for _ in range(200))],
)  # fmt: skip
def test_what_is_no_message_in_a_url(query: bytes) -> None:
    with pytest.raises(MessageFault):
        read_parameters(query, depth=5)
