"""Forms of every kind of sender: parsed within limits, never past them, and never with another error."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given, settings
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
        (f"{EDGE}; charset=undefined", part("a", b"x") + END, "PGRST102"),
        (f"{EDGE}; charset=punycode", part("a", b"x") + END, "PGRST102"),
        (f"{EDGE}; charset=latin-1", part("a", b"x") + END, "PGRST102"),
        (EDGE + ";a" * 1000, part("a", b"x") + END, "PGRST102"),
        (URLENCODED, b"a=" + b"x" * 101, "UC413"),
        (URLENCODED, b"a=" + b"%41" * 101, "UC413"),
        (URLENCODED, b"x" * 101, "UC413"),
        (URLENCODED, b"a=%ff", "PGRST102"),
        (URLENCODED, b"\xff", "PGRST102"),
    ],
)
def test_what_is_refused(content_type: str, body: bytes, code: str) -> None:
    with pytest.raises(Fault) as fault:
        read(content_type, body, SMALL)
    assert fault.value.code == code


def test_a_field_may_be_as_long_as_is_said_however_it_is_sent() -> None:
    for body in (b"a=" + b"x" * 100, b"a=" + b"%41" * 100, b"%41" * 100):
        assert len(read(URLENCODED, body, SMALL)) == 1
    limits = FormLimits(urlencoded_bytes=10)
    assert len(read(URLENCODED, b"a=12345678", limits)) == 1
    with pytest.raises(Fault, match="at most 10 bytes"):
        read(URLENCODED, b"a=123456789", limits)


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "us-ascii"])
def test_a_charset_that_is_ours_may_be_named(charset: str) -> None:
    form = read(f"{MULTIPART}; charset={charset}; boundary=edge", part("a", "ö".encode()) + END)
    assert form.get("a") == "ö"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"%", b"4", b"=", b"+", b"&", b"aB", b"\r\n", b"_ ", "ö".encode(), b"%C3%b6"])))
@example([b"%4", b"%41", b"%", b"%%41=%3d==3D"])
def test_urlencoded_is_read_as_the_url_standard_has_it(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    try:
        expected = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(Fault, match="UTF-8"):
            read(URLENCODED, body)
    else:
        assert list(read(URLENCODED, body)) == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 4), st.sampled_from(["ö", "%", "a+b", "日本"]))
def test_a_long_field_is_read_in_steps_that_cut_no_escape(before: int, repeated: str) -> None:
    value = "x" * before + repeated * 50_000
    read_back = read(URLENCODED, urlencode({"a": value}).encode()).get("a")
    assert read_back == value


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


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{EDGE}; charset=punycode", part("a", b"a" * 40_000 + b"-" + b"aaa" * 13_000) + END),
        (EDGE + ";a" * 100_000, part("a", b"x") + END),
        (URLENCODED, b"a=" + b"%41" * 1_000_000),
        (URLENCODED, b"a=" + b"%" * 3_000_000),
        (URLENCODED, (b"a=" + b"%" * 3000 + b"&") * 900),
        (URLENCODED, b"a=" + b"%41" * 3_000_000),
    ],
)
def test_no_form_keeps_others_waiting(content_type: str, body: bytes) -> None:
    assert asyncio.run(longest_turn(content_type, body)) < 0.25


async def longest_turn(content_type: str, body: bytes) -> float:
    """The most seconds of work in one go while a form is read."""
    longest, before = 0.0, time.process_time()

    def turn() -> None:
        nonlocal longest, before
        now = time.process_time()
        longest, before = max(longest, now - before), now

    async def beat() -> None:
        while True:
            await asyncio.sleep(0)
            turn()

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    with suppress(Fault):
        await read_form(content_type, body)
    turn()
    beating.cancel()
    return longest
