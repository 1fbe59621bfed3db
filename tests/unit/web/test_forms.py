"""Forms of every kind of sender: parsed within limits, never past them, and never with another error."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercroft.base.faults import Fault
from undercroft.web.forms import MULTIPART, URLENCODED, Form, FormLimits, Upload, read_form

EDGE = f"{MULTIPART}; boundary=edge"
SMALL = FormLimits(fields=3, files=2, field_bytes=100)


def read(content_type: str, body: bytes, limits: FormLimits | None = None) -> Form:
    return asyncio.run(read_form(content_type, body, limits))


def outcome(content_type: str, body: bytes) -> str:
    """What comes of a body: a form, or the code of a fault."""
    try:
        read(content_type, body, SMALL)
    except Fault as fault:
        return fault.code
    return "a form"


def part(name: str, data: bytes, more: str = "") -> bytes:
    return f'--edge\r\ncontent-disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


END = b"--edge--\r\n"


def test_fields_and_files_in_their_order() -> None:
    body = part("a", b"1") + part("f", b"\0\xff", '; filename="x.bin"') + part("a", "ö".encode()) + END
    upload = Upload("x.bin", "application/octet-stream", b"\0\xff")
    assert list(read(EDGE, body)) == [("a", "1"), ("f", upload), ("a", "ö")]
    assert list(read(EDGE, part("f", b"", '; filename=""') + END)) == [], "a field for a file in which none was chosen"
    assert list(read(URLENCODED, b"a=1&b&c=%26+x&=y")) == [("a", "1"), ("b", ""), ("c", "& x"), ("", "y")]
    assert list(read(URLENCODED, b"")) == []


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        (URLENCODED, b"a&b&c&d", "UC413"),
        (EDGE, part("a", b"x") * 4 + END, "UC413"),
        (EDGE, part("a", b"x", '; filename="f"') * 3 + END, "UC413"),
        (EDGE, part("a", b"x" * 101) + END, "UC413"),
        (EDGE, b"no form", "PGRST102"),
        (EDGE, part("a", b"x"), "PGRST102"),
        (EDGE, b"--edge\r\n\r\nx\r\n" + END, "PGRST102"),
        (MULTIPART, part("a", b"x") + END, "PGRST102"),
        (f"{MULTIPART}; boundary=", part("a", b"x") + END, "PGRST102"),
        (URLENCODED, b"a=%ff", "PGRST102"),
        (URLENCODED, b"\xff", "PGRST102"),
    ],
)
def test_what_is_refused(content_type: str, body: bytes, code: str) -> None:
    with pytest.raises(Fault) as fault:
        read(content_type, body, SMALL)
    assert fault.value.code == code


def test_a_file_may_be_longer_than_a_field() -> None:
    file = read(EDGE, part("f", b"x" * 100_000, '; filename="f"') + END, SMALL).file("f")
    assert file is not None
    assert len(file.data) == 100_000


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([URLENCODED, EDGE, f"{MULTIPART}; boundary=\xff", MULTIPART + ";charset=utf-16; boundary=edge"]),
    st.lists(
        st.sampled_from(
            [
                b"--edge",
                b"\r\n",
                b"\n",
                b"--",
                b"content-disposition: form-data; name=a",
                b":",
                b'"',
                b"; filename=x",
                b"&",
                b"=",
                b"%",
                b"%ff",
                b"\0",
                b"a",
                b"content-disposition:",
            ]
        )
    ),
)
def test_no_body_is_another_error(content_type: str, pieces: list[bytes]) -> None:
    assert outcome(content_type, b"".join(pieces)) in ("a form", "PGRST102", "UC413")


@pytest.mark.parametrize(
    "shape",
    [
        b"\r\n" * 1_000_000,
        b"-" * 2_000_000,
        part("a", b"\r" * 90) * 3 + b"x" * 2_000_000,
        b"--edge\r\n" + b"x: y\r\n" * 300_000,
        b"--edge\r\nx: " + b"y" * 2_000_000,
        b"--edge" * 300_000,
        part("f", b"\r\n--edg" * 250_000, '; filename="f"') + END,
    ],
)
def test_shapes_that_are_to_take_long(shape: bytes) -> None:
    before = time.process_time()
    assert outcome(EDGE, shape) in ("a form", "PGRST102", "UC413")
    assert time.process_time() - before < 2.0
