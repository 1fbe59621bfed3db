"""What a function of the database says of headers becomes headers, and nothing else."""

from __future__ import annotations

import pytest

from undercroft.rest.parts.headers import with_chosen

OWN = ((b"content-type", b"application/json"), (b"vary", b"Accept"))


def test_one_of_the_same_name_gives_way() -> None:
    found = with_chosen(OWN, [("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")])
    assert found == (
        (b"vary", b"Accept"),
        (b"content-type", b"text/html"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nset-cookie: b=1"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x\r\ny", "a"),
        ("x y", "a"),
        ("x:", "a"),
        ("", "a"),
        ("é", "a"),
        ("Content-Length", "2"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
    ],
)
def test_what_would_split_or_frame_an_answer_is_left_out(name: str, value: str) -> None:
    assert with_chosen(OWN, [(name, value)]) == OWN
