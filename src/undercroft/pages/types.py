"""What a page is and what it may give, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from undercroft.web.handlers import Handler
from undercroft.web.headers import Headers, pairs

_SENT_AS_THEY_ARE = "".join(map(chr, range(33, 127)))


@dataclass(frozen=True, slots=True, eq=False)
class PageRoute:
    """A page: a coroutine that answers at a path."""

    path: str
    """`/posts/{slug}`: a name in braces takes one segment."""
    handler: Handler
    methods: frozenset[str]
    roles: frozenset[str]
    """Who may see it; empty for everybody."""
    public: bool
    """It asks for no credential."""
    templates: Path
    """The folder of its templates."""
    timeout: float | None
    """Seconds; None as `[server] handler_timeout` says."""

    def allows(self, role: str, bypass: frozenset[str]) -> bool:
        """Whether a role may see it."""
        return role in bypass or not self.roles or role in self.roles


@dataclass(frozen=True, slots=True)
class Files:
    """A folder whose files are served under a path."""

    prefix: str
    """Without a slash at its end: "/assets", or "" for the root."""
    folder: Path
    fallback: bool
    """It is a single-page application: what is no file is its index.html."""
    immutable: tuple[str, ...]
    """Folders in it whose files have their content's hash in their names."""
    source: str


class Page:
    """What a page shows: a template and what it is told. `status` and `headers` are the answer's own."""

    __slots__ = ("data", "headers", "status", "template")

    def __init__(
        self,
        template: str,
        /,
        *,
        status: int = 200,
        headers: Headers = (),
        **data: Any,
    ) -> None:
        self.template = template
        self.status = status
        self.headers = pairs(headers)
        self.data = data


class Redirect:
    """Sends the browser to another page of this server; `external` lets it be an address elsewhere.

    An address may be written with letters of any language: what is not ASCII is sent as browsers would (RFC 3987, 3.1).
    303 has it ask by GET (RFC 9110, 15.4.4). Raises `ValueError` for what could be an address elsewhere and is not said
    to be one: a place that a caller names must not send people anywhere.
    """

    __slots__ = ("headers", "status", "to")

    def __init__(
        self,
        to: str,
        *,
        status: int = 303,
        external: bool = False,
        headers: Headers = (),
    ) -> None:
        inside = to.startswith("/") and not to.startswith(("//", "/\\"))
        if any(ord(letter) <= 32 or ord(letter) == 127 or letter == "\\" for letter in to):
            raise ValueError("an address has no blanks, control characters or backslashes")
        if not (to.startswith(("https://", "http://")) if external else inside):
            raise ValueError(f"{to!r} is no place to be sent to; one on another server needs external=True")
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"{status} does not send anybody anywhere")
        self.to = _as_sent(to)
        self.status = status
        self.headers = pairs(headers)


def _as_sent(address: str) -> str:
    """An address as a header can carry it: other letters percent-encoded, those of a host's name as IDNA has them."""
    if address.isascii():
        return address
    try:
        if not address.startswith("/"):
            parts = urlsplit(address)
            address = urlunsplit(parts._replace(netloc=parts.netloc.encode("idna").decode()))
        return quote(address, safe=_SENT_AS_THEY_ARE)
    except ValueError:
        raise ValueError(f"{address!r} is no address") from None
