"""What is asked after a redirect, and what of the request may go along to another machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from undercroft.outgoing.errors import elsewhere, malformed
from undercroft.outgoing.parts.urls import Target, read_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
FOR_ANYBODY = frozenset({"accept", "accept-encoding", "user-agent", "content-type", "traceparent"})
"""Headers that may go to another origin. Of any other one nobody knows whether it holds a key."""
_OF_BODY = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it goes out."""

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Names in lower case."""
    body: bytes | None = field(default=None, repr=False)
    resend: bool = False
    """Whether the body may go to another origin."""


def followed(sent: Sent, status: int, location: str) -> Sent:
    """The request that a redirect asks for (RFC 9110, 15.4; Fetch, 4.4).

    303, and 301 and 302 to a POST, become a GET without its body; 307 and 308 are the same request again. To another
    origin go headers `FOR_ANYBODY` only, and a body only where `sent.resend` says so.

    Raises `Refused` for a URL that is none, and from https to http; `Final` for a body that would go to another origin.
    """
    try:
        target = read_url(str(sent.target.url.join(location)))
    except ValueError:
        raise malformed("a redirect to no URL") from None
    if sent.target.scheme == "https" and target.scheme == "http":
        raise malformed("a redirect from https to http")
    method, body, headers = sent.method, sent.body, sent.headers
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple((name, value) for name, value in headers if name not in _OF_BODY)
    if target.origin != sent.target.origin:
        if body and not sent.resend:
            raise elsewhere(sent.target.origin)
        headers = tuple((name, value) for name, value in headers if name in FOR_ANYBODY)
    return Sent(method, target, headers, body, sent.resend)
