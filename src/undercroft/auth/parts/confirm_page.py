"""The page that a link in a mail opens: one button, no script, nothing from elsewhere.

It is made of the address alone, so it tells nothing: whether the link is good is seen when the button is pressed.
"""

from __future__ import annotations

import base64
import hashlib
import html
from urllib.parse import urlsplit

_WORDS = {
    "signup": ("Confirm your email address", "Press the button to confirm your address and sign in.", "Confirm"),
    "invite": ("You have been invited", "Press the button to accept the invitation.", "Accept the invitation"),
    "recovery": ("Reset your password", "Press the button to go on and choose a new password.", "Go on"),
    "magiclink": ("Sign in", "Press the button to sign in on this device.", "Sign in"),
    "email_change": ("Confirm the new address", "Press the button to confirm the change of address.", "Confirm"),
}
_OTHER = ("Confirm", "Press the button to go on.", "Go on")
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f4f3f0;color:#1c1b19;"
    "font:1.0625rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{box-sizing:border-box;width:min(28rem,100% - 2rem);padding:2.5rem 2rem;background:#fff;"
    "border:1px solid #e2e0da;border-radius:.75rem}"
    "h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}p{margin:0 0 1.5rem}"
    "button{width:100%;padding:.8rem 1.25rem;border:0;border-radius:.5rem;background:#1f5c4d;color:#fff;"
    "font:inherit;font-weight:600;cursor:pointer}button:hover{background:#17483c}"
    "button:focus-visible{outline:3px solid #e0a33e;outline-offset:2px}"
    "@media (prefers-color-scheme:dark){body{background:#161513;color:#efede8}"
    "main{background:#201f1c;border-color:#37352f}button{background:#7cc4b0;color:#10241e}"
    "button:hover{background:#95d6c4}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def confirm_page(action: str, kind: str, token: str, redirect_to: str) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
    """The headers and the page; `action` is where its form goes, as seen from the page."""
    title, words, button = _WORDS.get(kind, _OTHER)
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in (("token", token), ("type", kind), ("redirect_to", redirect_to))
    )
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1><p>{words}</p>"
        f'<form method="post" action="{html.escape(action)}">{hidden}<button type="submit">{button}</button></form>'
        "</main></body></html>"
    )
    return (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", _policy(redirect_to).encode("ascii", "replace")),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"x-robots-tag", b"noindex, nofollow"),
    ), page.encode()


def _policy(redirect_to: str) -> str:
    """Browsers hold a form to its policy over every redirect that follows, so the app's own place has to be in it."""
    url = urlsplit(redirect_to)
    target = {"https": "", "http": f" http://{url.netloc}"}.get(url.scheme, f" {url.scheme}:")
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' https:{target}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
