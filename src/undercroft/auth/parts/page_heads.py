"""The headers of our own pages: nothing from elsewhere, nothing inline, in no frame, and kept by nobody.

The referrer policy is `same-origin`, which tells other sites as little as `no-referrer` does: with that, browsers send
forms with `Origin: null`, and where a form comes from could not be seen.
"""

from __future__ import annotations

from urllib.parse import urlsplit

Headers = tuple[tuple[bytes, bytes], ...]

CAPTCHAS = {
    "turnstile": ("https://challenges.cloudflare.com/turnstile/v0/api.js", "https://challenges.cloudflare.com"),
    "hcaptcha": ("https://js.hcaptcha.com/1/api.js", "https://hcaptcha.com https://*.hcaptcha.com"),
}
"""The script of each widget, and where it loads the rest from, as their makers name it."""
_ALWAYS: Headers = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"publickey-credentials-create=(self), publickey-credentials-get=(self)"),
    (b"x-robots-tag", b"noindex, nofollow"),
)


def page_heads(*, leads_to: str = "", logo: str = "", captcha: str = "") -> Headers:
    """The headers of a page. `leads_to` is where its form may lead in the end: browsers hold a form to its policy over
    every redirect that follows. `captcha` is the widget that it shows.
    """
    rules = {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": " ".join(["'self'", "data:", *_origin(logo)]),
        "form-action": " ".join(["'self'", *_targets(leads_to)]),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    if captcha:
        _, origins = CAPTCHAS[captcha]
        rules |= {name: f"{rules.get(name, '')} {origins}".strip() for name in ("script-src", "style-src")}
        rules |= {"frame-src": origins, "connect-src": origins}
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    return (*_ALWAYS, (b"content-security-policy", policy.encode("ascii", "replace")))


def _origin(address: str) -> list[str]:
    url = urlsplit(address)
    return [f"{url.scheme}://{url.netloc}"] if url.scheme in ("https", "http") else []


def _targets(address: str) -> list[str]:
    """Another place may lead on to others, which are not known here."""
    if not address or address.startswith("/"):
        return []
    url = urlsplit(address)
    return ["https:", *({"https": [], "http": [f"http://{url.netloc}"]}.get(url.scheme, [f"{url.scheme}:"]))]
