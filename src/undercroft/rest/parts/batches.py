"""The body of a batch: the requests in it, each with its method, path, headers and body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from undercroft.rest.errors import BodyFault, TooLarge, shown
from undercroft.rest.parts.payload import read_json

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")
_MEMBERS = frozenset({"method", "path", "headers", "body"})
_WHOLE = frozenset({b"authorization", b"apikey", b"idempotency-key"})
"""Headers that belong to the batch: it has one caller, and one answer that is kept."""

Header = tuple[bytes, bytes]


class Part(NamedTuple):
    """One request of a batch. `body` is a JSON value, or the text of another media type; references still stand."""

    method: str
    path: bytes
    """From behind the mount point, percent-encoded, as is `query`."""
    query: bytes
    headers: tuple[Header, ...]
    body: Any


def read_batch(body: bytes, limits: Limits, most: int) -> list[Any]:
    """The members of a batch, not looked at yet: `{"requests": […]}`, or the list alone.

    Raises BodyFault (PGRST102), and TooLarge over the limits, one of which is `most` requests.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(f"The body may be at most {limits.body_bytes} bytes long")
    value = read_json(body, limits)
    if isinstance(value, dict) and value.keys() == {"requests"}:
        value = value["requests"]
    if not isinstance(value, list):
        raise BodyFault("A batch is a list of requests", hint='Send {"requests": [{"method": "POST", "path": "/…"}]}.')
    if len(value) > most:
        raise TooLarge(f"A batch may have at most {most} requests")
    return value


def read_part(value: Any) -> Part:
    """One request of a batch. Raises BodyFault (PGRST102)."""
    if not isinstance(value, dict) or not value.keys() <= _MEMBERS:
        raise BodyFault("A request of a batch is an object with method, path, headers and body")
    method, path = value.get("method"), value.get("path")
    if method not in METHODS:
        raise BodyFault(f"The method of a request is one of {', '.join(METHODS)}")
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or any(ord(char) <= 32 or ord(char) == 127 for char in path)
    ):
        raise BodyFault(
            "The path of a request begins with a slash and has no blanks", details=f"path: {shown(str(path))}"
        )
    target, _, query = path.encode("utf-8", "replace").partition(b"?")
    return Part(method, target, query, _headers(value.get("headers")), value.get("body"))


def _headers(value: Any) -> tuple[Header, ...]:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise BodyFault("The headers of a request are an object of texts")
    pairs = [
        (name.lower().encode("latin-1", "replace"), text.encode("latin-1", "replace")) for name, text in value.items()
    ]
    for name, text in pairs:
        if name in _WHOLE:
            raise BodyFault(f"The header {name.decode()} belongs to the batch, not to a request in it")
        if any(byte < 32 or byte == 127 for byte in name + text):
            raise BodyFault("A header of a request holds a control character")
    return tuple(pairs)
