"""A request as an app's own functions and pages see it: texts in place of bytes, and a body that is read when asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from undercroft.base.faults import Fault
from undercroft.web.forms import MULTIPART, URLENCODED, Form, FormLimits, read_form
from undercroft.web.types import Request

_MOST_PARAMETERS = 1000
_GONE = "the body was read by stream() already, or the answer has begun: read it before that"
_CREDENTIALS = frozenset({b"authorization", b"apikey"})


class WebRequest:
    """A request: method, path, query, headers, cookies and body.

    The body is read once and kept, up to `[server] body_limit` bytes; `stream()` reads it piece by piece in its place.
    What reads it raises a `Fault`: UC413 where it is too long, UC400 where it breaks off.
    """

    def __init__(self, request: Request, path: str, *, limits: FormLimits | None = None) -> None:
        self._request = request
        self._limits = limits
        self._body: bytes | None = None
        self._form: Form | None = None
        self._streamed = False
        self.path = path
        """What follows the function's name, or the page's whole path; decoded."""

    @property
    def method(self) -> str:
        return self._request.method

    @property
    def id(self) -> str:
        """The request's own id, where it brought one."""
        return self.header("x-request-id") or ""

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case; of those by which callers say who they are, the last, which is
        the one that counted.
        """
        key = name.lower().encode("latin-1", "replace")
        value = self._request.credential(key) if key in _CREDENTIALS else self._request.header(key)
        return None if value is None else value.decode("latin-1")

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Every header by its name in lower case; several of one name are joined by commas."""
        found: dict[str, str] = {}
        for name, value in self._request.headers:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's names and values, in their order. Raises `Fault` PGRST100 where it is not UTF-8, or too long."""
        try:
            text = self._request.query.decode("ascii")
            return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            raise Fault("The query cannot be read", code="PGRST100") from None

    @cached_property
    def cookies(self) -> Mapping[str, str]:
        """Cookies by name (RFC 6265, 5.4); of several of one name, the first."""
        found: dict[str, str] = {}
        for name, value in self._request.headers:
            if name == b"cookie":
                for pair in value.decode("latin-1").split(";"):
                    key, _, text = pair.partition("=")
                    found.setdefault(key.strip(), text.strip().strip('"'))
        return found

    @property
    def media_type(self) -> str:
        """The body's type, in lower case and without parameters; "" where none was given."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    async def body(self) -> bytes:
        """The whole body."""
        if self._body is None:
            if self._streamed:
                raise RuntimeError(_GONE)
            self._body = await self._request.body()
        return self._body

    async def text(self) -> str:
        """The body as text. Raises `Fault` 22021 where it is not UTF-8."""
        try:
            return (await self.body()).decode()
        except UnicodeDecodeError:
            raise Fault("The body is not UTF-8", code="22021") from None

    async def json(self) -> Any:
        """The body as JSON. Raises `Fault` PGRST102 where it is none."""
        try:
            return msgspec.json.decode(await self.body())
        except (msgspec.DecodeError, RecursionError):
            raise Fault("The body is not valid JSON", code="PGRST102") from None

    async def form(self) -> Form:
        """The body as a form. Raises `Fault`: UC415 where it is none, PGRST102 where it cannot be read."""
        if self._form is None:
            if self.media_type not in (URLENCODED, MULTIPART):
                raise Fault("A form is wanted", code="UC415", hint=f"Send it as {URLENCODED} or {MULTIPART}.")
            self._form = await read_form(self.header("content-type") or "", await self.body(), self._limits)
        return self._form

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives. It must be read before an answer begins."""
        if self._body is not None:
            yield self._body
            return
        if self._streamed:
            raise RuntimeError(_GONE)
        self._streamed = True
        async for piece in self._request.pieces():
            yield piece

    def take_stream(self) -> None:
        """The answer will be a stream: see `web.types.Request.take_stream`."""
        self._request.take_stream()

    def close(self) -> None:
        """The answer begins: what was not read of the body is lost."""
        self._streamed = True
