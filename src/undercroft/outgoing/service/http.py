"""`ctx.http`: calls to other machines for an app's code."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Unpack
from urllib.parse import urlencode

import msgspec

from undercroft.base.faults import Fault
from undercroft.base.trace import CAUSE, Trace
from undercroft.models.calls import CallOptions, Reply
from undercroft.outgoing.errors import malformed
from undercroft.outgoing.parts.redirects import Sent
from undercroft.outgoing.parts.urls import read_url
from undercroft.outgoing.service.client import Client, Options
from undercroft.outgoing.service.streamed import Streamed

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
"""Headers that frame a request: a caller who chose them could smuggle another one."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_FIELD = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


class Http:
    """Calls, with the limits of the settings. They go to public addresses only, and to those inside that
    `[outgoing] allow` names; every redirect is judged anew.

    An answer of any status is a `Reply`. Idempotent methods, and any with an `Idempotency-Key`, are repeated where the
    connection failed or the answer was 429, 502, 503 or 504. `timeout` is in seconds and covers it all; `limit` is in
    bytes. Raises `OutgoingFault`: UC470 for an address that is not allowed, UC504 for a time limit, UC503 for a machine
    that failed several times in a row and is left alone, UC502 for any other failure.
    """

    def __init__(
        self, client: Client, trace: Trace | None = None, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._client = client
        self._trace = trace
        self._random = random_bytes

    def tracing(self, trace: Trace) -> Http:
        """The same for calls that belong to a trace."""
        return Http(self._client, trace, self._random)

    async def get(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """GET; the options are those of `request`."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """POST; the options are those of `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """PUT; the options are those of `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """PATCH; the options are those of `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """DELETE; the options are those of `request`."""
        return await self.request("DELETE", url, **options)

    async def request(self, method: str, url: str, **options: Unpack[CallOptions]) -> Reply:
        """Call another machine: with a `json` value, a form (`data`) or a `content` as the body."""
        await self._client.ready()
        sent, limits = self._sent(method, url, options), self._limits(options)
        return await self._client.call(sent, limits)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Unpack[CallOptions]) -> AsyncIterator[Streamed]:
        """Call once, and read the body while it comes: `async with ctx.http.stream("GET", url) as answer`."""
        await self._client.ready()
        sent, limits = self._sent(method, url, options), self._limits(options)
        async with self._client.stream(sent, limits) as streamed:
            yield streamed

    def _traced(self) -> tuple[tuple[str, str], ...]:
        """The headers of the trace that was given, else of the request that is being served, else of a new one."""
        return (self._trace or CAUSE.get() or Trace()).headers(self._random)

    def _limits(self, options: CallOptions) -> Options:
        return self._client.options(
            options.get("timeout"), options.get("attempts"), options.get("redirects"), options.get("limit")
        )

    def _sent(self, method: str, url: str, options: CallOptions) -> Sent:
        if not (method.isascii() and method.isalpha()):
            raise malformed("not a method")
        target = read_url(url)
        if params := options.get("params"):
            target = replace(target, url=target.url.copy_merge_params(params))
        content, kind = _body(options.get("json"), options.get("data"), options.get("content"))
        if content is None and method.upper() in ("POST", "PUT", "PATCH"):
            content = b""
        named = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "undercroft"}
        if kind is not None:
            named["content-type"] = kind
        named.update(self._traced())
        for name, value in (options.get("headers") or {}).items():
            named[_name(name)] = _value(name, value)
        return Sent(method.upper(), target, tuple(named.items()), content, bool(options.get("resend")))


def _body(json: Any, data: Mapping[str, Any] | None, content: bytes | str | None) -> tuple[bytes | None, str | None]:
    """The body and its type."""
    if sum(each is not None for each in (json, data, content)) > 1:
        raise Fault("a call has one body: json, data or content", code="22023")
    if json is not None:
        return msgspec.json.encode(json), "application/json"
    if data is not None:
        return urlencode(data, doseq=True).encode("ascii"), "application/x-www-form-urlencoded"
    return (content.encode() if isinstance(content, str) else content), None


def _name(name: str) -> str:
    lower = name.lower()
    if lower in _OURS or not _TOKEN.fullmatch(lower):
        raise Fault(f"the header {name[:60]!r} cannot be set on a call", code="22023")
    return lower


def _value(name: str, value: str) -> str:
    """A value as RFC 9110 (5.5) has them. It is judged here: what the wire refused would look like a failed machine."""
    if any(mark in value for mark in "\r\n\0"):
        raise Fault(f"the header {name[:60]!r} holds a line break", code="22023")
    if not _FIELD.fullmatch(value):
        raise Fault(f"the header {name[:60]!r} holds what no header can: spaces at an end, or signs", code="22023")
    return value
