"""What an HTML form sends: its fields and files, within limits.

Protocol: `application/x-www-form-urlencoded` (the URL standard, 5) and `multipart/form-data` (RFC 7578).
"""

from __future__ import annotations

import asyncio
import re
from binascii import a2b_qp
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from undercroft.base.faults import Fault

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_STEP = 64 * 1024
"""Bytes that are parsed before others have a turn."""
_LONGEST_TYPE = 1000
"""Characters of a Content-Type; what a boundary may have is 70 of them (RFC 2046, 5.1.1)."""
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
_STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class FormLimits:
    """How much one form may hold; its length is bounded by `[server] body_limit`."""

    fields: int = 1000
    files: int = 100
    field_bytes: int = 1024 * 1024
    """Of a field, decoded."""
    urlencoded_bytes: int = 4 * 1024 * 1024
    """Of a form that is sent urlencoded, as it is sent: every byte of it has to be looked at."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    filename: str
    """As the caller named it: a text to show, never a path to write to."""
    content_type: str
    """As the caller says."""
    data: bytes


class Form:
    """Fields and files, in the order in which they were sent; several may have one name."""

    __slots__ = ("_items",)

    def __init__(self, items: tuple[tuple[str, str | Upload], ...]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[tuple[str, str | Upload]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"Form({', '.join(sorted({name for name, _ in self._items}))})"  # what was typed is nobody's business

    def get(self, name: str) -> str | None:
        """The first text of this name."""
        return next(iter(self.texts(name)), None)

    def texts(self, name: str) -> list[str]:
        """Every text of this name."""
        return [value for key, value in self._items if key == name and isinstance(value, str)]

    def file(self, name: str) -> Upload | None:
        """The first file of this name; a field for a file in which none was chosen has none."""
        return next(iter(self.files(name)), None)

    def files(self, name: str) -> list[Upload]:
        """Every file of this name."""
        return [value for key, value in self._items if key == name and isinstance(value, Upload)]

    def less(self, name: str) -> Form:
        """The form without what has this name."""
        return Form(tuple(item for item in self._items if item[0] != name))


async def read_form(content_type: str, body: bytes, limits: FormLimits | None = None) -> Form:
    """The form that a body is. Raises `Fault`: PGRST102 where it is none, UC413 where it holds too much."""
    limits = limits or FormLimits()
    if content_type.partition(";")[0].strip().lower() == URLENCODED:
        return await _urlencoded(body, limits)
    return await _multipart(content_type, body, limits)


async def _urlencoded(body: bytes, limits: FormLimits) -> Form:
    if len(body) > limits.urlencoded_bytes:
        raise _too_much(f"A form that is sent urlencoded may be at most {limits.urlencoded_bytes} bytes long")
    if body.count(b"&") >= limits.fields:
        raise _too_much(f"A form may have at most {limits.fields} fields")
    items: list[tuple[str, str | Upload]] = []
    since_turn = 0
    for piece in body.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            items.append((await _text(name, limits.field_bytes), await _text(value, limits.field_bytes)))
            since_turn += len(piece)
            if since_turn >= _STEP:
                since_turn = 0
                await asyncio.sleep(0)
    return Form(tuple(items))


async def _text(encoded: bytes, most: int) -> str:
    """A name or a value (the URL standard, 5.1); what is no escape stands for itself. Raises as `read_form`."""
    if len(encoded) > 3 * most:  # three of them are one at best
        raise _long_field(most)
    decoded = bytearray()
    start = 0
    while start < len(encoded):
        end = start + _STEP
        cut_escape = encoded.rfind(b"%", end - 2, end) if end < len(encoded) else -1
        end = end if cut_escape < 0 else cut_escape
        decoded += _unescaped(encoded[start:end])
        if len(decoded) > most:
            raise _long_field(most)
        start = end
        if start < len(encoded):
            await asyncio.sleep(0)
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise Fault("The form is not UTF-8", code="PGRST102") from None


def _unescaped(encoded: bytes) -> bytes:
    """Escapes decoded as those of quoted-printable are, which differ by their sign alone: Python's own way asks a table
    for each of them, and takes a hundred times as long.
    """
    if b"%" not in encoded:
        return encoded.replace(b"+", b" ")
    escaped = _STRAY.sub(b"%25", encoded).replace(b"=", b"%3D").replace(b"+", b" ")
    return a2b_qp(escaped.replace(b"%", b"="))


def _boundary(content_type: str) -> str:
    """The Content-Type less all but its boundary: a charset that the sender names is a decoder that he chooses, and
    some take long. Raises `Fault` PGRST102 where it names another one than UTF-8, or has no boundary.
    """
    if len(content_type) > _LONGEST_TYPE:
        raise _unreadable("Its Content-Type is too long")
    _, options = parse_options_header(content_type)
    if options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
        raise _unreadable("It is not UTF-8")
    boundary = options.get(b"boundary")
    if not boundary:
        raise _unreadable("Its Content-Type has no boundary")
    quoted = boundary.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
    return f'{MULTIPART}; boundary="{quoted}"'


async def _multipart(content_type: str, body: bytes, limits: FormLimits) -> Form:
    parser = _Whole(
        Headers({"content-type": _boundary(content_type)}),
        _steps(body),
        max_files=limits.files,
        max_fields=limits.fields,
        max_part_size=limits.field_bytes,
    )
    try:
        found = await parser.parse()
    except MultiPartException as error:
        # Its own words for a limit begin so; the rest is about the framing.
        if error.message.startswith(("Too many", "Part exceeded")):
            raise _too_much(error.message.rstrip(".")) from None
        raise _unreadable(error.message.rstrip(".")) from None
    except UnicodeError:
        raise _unreadable("It is not UTF-8") from None
    items: list[tuple[str, str | Upload]] = []
    try:
        if not parser.ended:
            raise _unreadable("It has no end")
        for name, value in found.multi_items():
            if isinstance(value, str):
                items.append((name, value))
            elif value.filename:
                kind = value.content_type or "application/octet-stream"
                items.append((name, Upload(value.filename, kind, await value.read())))
    finally:
        await found.close()
    return Form(tuple(items))


class _Whole(MultiPartParser):
    """Knows whether it saw the end: what breaks off may lack fields that were sent."""

    ended = False

    def on_end(self) -> None:
        self.ended = True


async def _steps(body: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(body), _STEP):
        yield body[start : start + _STEP]
        await asyncio.sleep(0)


def _too_much(message: str) -> Fault:
    return Fault(message, code="UC413")


def _long_field(most: int) -> Fault:
    return _too_much(f"A field may be at most {most} bytes long")


def _unreadable(why: str) -> Fault:
    return Fault(f"The form cannot be read: {why}", code="PGRST102")
