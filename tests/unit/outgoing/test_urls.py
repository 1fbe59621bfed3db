"""A URL names one machine, or is refused."""

from __future__ import annotations

import pytest

from undercroft.outgoing.errors import Refused
from undercroft.outgoing.parts.urls import read_url


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://Example.com", "https://example.com", b"/"),
        ("https://example.com.:443/a?b=c#d", "https://example.com", b"/a?b=c"),
        ("http://example.com:8080/a%20b", "http://example.com:8080", b"/a%20b"),
        ("http://127.0.0.1/", "http://127.0.0.1", b"/"),
        ("http://[::1]:80/", "http://[::1]", b"/"),
        ("http://[0:0:0:0:0:ffff:7f00:1]/", "http://[::ffff:7f00:1]", b"/"),
        ("http://127\u30020\u30020\u30021/", "http://127.0.0.1", b"/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example", b"/"),
    ],
)
def test_a_machine(url: str, origin: str, path: bytes) -> None:
    target = read_url(url)
    assert target.origin == origin
    assert target.url.raw_path == path
    assert target.url.fragment == ""


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com/", "/path", "ftp://example.com/", "file:///etc/passwd", "gopher://h/",
        "javascript:alert(1)", "http://", "http:///path", "http://127.1/", "http://127.0.1/", "http://2130706433/",
        "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://017700000001/", "http://0177.0.0.1/",
        "http://127.0.0.01/", "http://0/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://00000127.0.0.1/",
        "http://example.com.0x1/", "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[::1/", "http://::1/",
        "http://[v1.fe]/", "http://user@example.com/", "http://user:password@example.com/", "http://:@example.com/",
        "http://a@b@127.0.0.1/", "http://example.com\\@127.0.0.1/", "http://example.com\\.evil/",
        "http://127.0.0.1:80\\@example.com/", "http://exa mple.com/", "http://example.com/\r\nX: y", "http://a\tb/",
        "http://%31%32%37.0.0.1/", "http://127%2e0.0.1/", "http://h:0/", "http://h:65536/", "http://h:80:80/",
        "http://h:x/", "http://-h.com/", "http://h-.com/", "http://a..b/", "http://.com/", f"http://{'a' * 64}.com/",
        f"http://{'a.' * 130}com/", "http://①②⑦.⓪.⓪.①/", "http://exam\u200bple.com/\x00", f"http://h/{'a' * 9000}",
    ],
)  # fmt: skip
def test_what_is_refused(url: str) -> None:
    with pytest.raises(Refused) as caught:
        read_url(url)
    assert caught.value.code == "UC470"
    assert "password" not in str(caught.value)


def test_nothing_of_a_url_is_shown_by_accident() -> None:
    assert "secret" not in repr(read_url("https://example.com/secret?key=secret"))
