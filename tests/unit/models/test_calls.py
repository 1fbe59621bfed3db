"""What another machine answered, as text."""

from __future__ import annotations

import codecs
import time

import pytest

from undercroft.models.calls import CHARSETS, Headers, Reply


def reply(kind: str, body: bytes) -> Reply:
    return Reply(200, Headers([(b"content-type", kind.encode("latin-1"))]), body, "http://a.test/")


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("text/plain", "ü".encode(), "ü"), ("", "ü".encode(), "ü"), ("text/plain; charset=utf-8", b"\xff", "\ufffd"),
        ("text/plain; charset=ISO-8859-1", b"\xfc", "ü"), ('text/plain; a=b; Charset="windows-1252"', b"\x80", "€"),
        ("text/plain;charset=iso_8859_1", b"\xfc", "ü"), ("text/plain; charset=utf-16", "ü".encode("utf-16"), "ü"),
        ("text/plain; charset=Shift_JIS", "日本".encode("shift_jis"), "日本"),
        ("text/plain; charset=nobody-knows", "ü".encode(), "ü"), ("text/plain; charset=", "ü".encode(), "ü"),
        ("text/plain; charset*=utf-8''latin-1", "ü".encode(), "ü"),
    ],
)  # fmt: skip
def test_text(kind: str, body: bytes, expected: str) -> None:
    assert reply(kind, body).text == expected


@pytest.mark.parametrize(
    "charset",
    ["punycode", "idna", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "mbcs", "rot13", "hex", "zlib"],
)
def test_no_stranger_chooses_a_codec_that_is_no_charset(charset: str) -> None:
    """`undefined` would always raise, `punycode` take seconds for a hundred kilobytes."""
    body = b"\\u0041-" + b"a" * 100_000
    started = time.process_time()
    assert reply(f"text/plain; charset={charset}", body).text == body.decode()
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_every_charset_is_known_and_never_fails(charset: str) -> None:
    assert codecs.lookup(charset)
    assert reply(f"text/plain; charset={charset}", b"hello").text
    assert isinstance(reply(f"text/plain; charset={charset}", bytes(range(256)) * 3).text, str)
