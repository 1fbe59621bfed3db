"""The headers of a page, and the page that a fault is shown on."""

from __future__ import annotations

from html import escape
from http.client import responses

from undercroft.base.faults import Fault
from undercroft.web.headers import Headers, headers
from undercroft.web.types import Header

HTML: Header = (b"content-type", b"text/html; charset=utf-8")
_SAFE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # not no-referrer: then browsers would send forms with `Origin: null`
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def heads(own: Headers, policy: str, *, private: bool, nonce: str | None = None) -> tuple[Header, ...]:
    """The headers of a page: its own, then those that make it safe, where it did not choose others.

    `private`: it is for this caller alone. `nonce` lets inline scripts and styles that carry it run (CSP level 3).

    Raises:
        ValueError: for a header of its own that cannot be sent.
    """
    defaults = (
        HTML,
        *_SAFE,
        (b"content-security-policy", with_nonce(policy, nonce).encode("latin-1")),
        (b"cache-control", b"private, no-store" if private else b"no-cache"),
        (b"vary", b"authorization, cookie"),
    )
    return headers(own, defaults)


def with_nonce(policy: str, nonce: str | None) -> str:
    """The policy, and inline scripts and styles that carry the nonce."""
    if nonce is None:
        return policy
    rules = {rule.split()[0]: rule for rule in (part.strip() for part in policy.split(";")) if rule}
    fallback = " ".join(rules.get("default-src", "default-src 'self'").split()[1:])
    for kind in ("script-src", "style-src"):
        rules[kind] = f"{rules.get(kind, f'{kind} {fallback}')} 'nonce-{nonce}'"
    return "; ".join(rules.values())


def plain_fault(fault: Fault, status: int) -> str:
    """A page for a fault, where the app has none of its own."""
    title = responses.get(status, "Error")
    hint = f"<p>{escape(fault.hint)}</p>" if fault.hint else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{status} {escape(title)}</title></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(fault.message)}</p>{hint}<p>{status} {escape(fault.code)}</p></body></html>"
    )
