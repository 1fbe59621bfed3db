"""Calls to other machines, as an app's code makes them (`ctx.http`): what may be asked, and what comes back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

CHARSETS = frozenset({
    "utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "latin-1", "latin1", "iso-8859-1",
    "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-9",
    "iso-8859-10", "iso-8859-11", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16", "windows-1250",
    "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257",
    "windows-1258", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "koi8-r", "koi8-u", "shift-jis", "euc-jp", "euc-kr", "gb2312", "gbk", "gb18030", "big5",
})  # fmt: skip
"""Charsets that an answer may name. Python has codecs beside them that take time as the square of a length (punycode),
or always fail (undefined): a stranger must not choose those."""
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)


class CallOptions(TypedDict, total=False):
    """What a call may be given, all by name. The body is one of `json`, `data` (a form) and `content`."""

    params: Mapping[str, Any] | None
    """Added to the query."""
    headers: Mapping[str, str] | None
    json: Any
    data: Mapping[str, Any] | None
    content: bytes | str | None
    timeout: float | None
    """Seconds for all of it: redirects, repetitions and the answer."""
    attempts: int | None
    """How often it is made at most, where it may be repeated."""
    redirects: int | None
    """How many are followed."""
    resend: bool
    """Whether the body goes along where a redirect (307, 308) leads to another origin; by default it does not."""
    limit: int | None
    """Bytes of the answer."""


class Headers(Mapping[str, str]):
    """Headers by name, in any case; of several of one name, joined by commas (RFC 9110, 5.3)."""

    __slots__ = ("_found", "raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw
        """As they came."""
        self._found: dict[str, str] = {}
        for name, value in raw:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self._found[key] = f"{self._found[key]}, {text}" if key in self._found else text

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True, slots=True)
class Reply:
    """What another machine answered, whole."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    """Where it came from, redirects followed. It may hold a secret."""
    seconds: float = 0.0
    """From the first attempt to the end of the body."""
    attempts: int = 1
    cut: bool = False
    """The body was longer than was asked for, and this is its beginning."""

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body in the charset that its type names, if that is one of `CHARSETS`, else in UTF-8; what is no
        text in it is replaced."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        charset = named[1].lower().replace("_", "-") if named else "utf-8"
        return self.body.decode(charset if charset in CHARSETS else "utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` where it is none."""
        return json.loads(self.body)


class Streaming(Protocol):
    """An answer whose body comes piece by piece."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, once. Raises `Fault`: UC502 where it breaks off or is too long, UC504."""
        ...
