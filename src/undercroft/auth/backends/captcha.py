"""Captchas: what a page's widget gave is shown to whom it is of, who tells whether a person made it.

Protocols: https://docs.hcaptcha.com/#verify-the-user-response-server-side and
https://developers.cloudflare.com/turnstile/get-started/server-side-validation/. Both are one POST.
"""

from __future__ import annotations

from typing import Any

import msgspec

from undercroft.auth.errors import AuthFault
from undercroft.base.faults import Fault
from undercroft.base.secret import Secret
from undercroft.pipeline.ports import Http

ADDRESSES = {
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
}
_TIMEOUT = 5.0
_LIMIT = 16 * 1024
_LONGEST = 8192
"""Characters of a token: Turnstile's have 2,048 at most, hCaptcha's are not bounded by it."""


class Captcha:
    """Asks one of them."""

    def __init__(self, http: Http, provider: str, secret: Secret) -> None:
        self._http = http
        self._provider = provider
        self._secret = secret

    async def check(self, token: str | None, ip: str) -> None:
        """Raises `AuthFault` unless a person made this token; also where that cannot be found out."""
        if not token or len(token) > _LONGEST:
            raise _failed("no captcha_token found")
        form = {"secret": self._secret.reveal(), "response": token}
        if ip:
            form["remoteip"] = ip
        try:
            reply = await self._http.post(
                ADDRESSES[self._provider], data=form, timeout=_TIMEOUT, limit=_LIMIT, redirects=0, attempts=1
            )
        except Fault:
            raise _unreachable() from None
        if not reply.ok:
            raise _unreachable()
        told = _object(reply.body)
        if told.get("success") is not True:
            codes = told.get("error-codes")
            raise _failed(", ".join(map(str, codes[:5])) if isinstance(codes, list) and codes else "not a person")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise _unreachable() from None
    return found if isinstance(found, dict) else {}


def _failed(why: str) -> AuthFault:
    return AuthFault("captcha_failed", f"captcha protection: request disallowed ({why[:200]})")


def _unreachable() -> AuthFault:
    return AuthFault("unexpected_failure", "captcha verification process failed", status=503)
