"""Codes that an app shows anew every 30 seconds, as all of them have it (TOTP, RFC 6238), and their QR code."""

from __future__ import annotations

import hmac
from io import BytesIO
from urllib.parse import quote

PERIOD = 30
"""Seconds of a step."""
_DIGITS = 6
_AROUND = (0, -1, 1)
"""Steps that are looked at: clocks differ, and a code takes a moment to be typed."""


def new_seed() -> str:
    """160 bits, in base32."""
    import pyotp

    return pyotp.random_base32()


def uri(seed: str, issuer: str, account: str) -> str:
    """What a QR code says to an app (https://github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    issuer, account = issuer.replace(":", " "), account.replace(":", " ")
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    query = f"algorithm=SHA1&digits={_DIGITS}&issuer={quote(issuer, safe='')}&period={PERIOD}&secret={seed}"
    return f"otpauth://totp/{label}?{query}"


def qr_svg(text: str) -> str:
    """A QR code as SVG. It stands in a data URI as it is: so it has no `#`, which would end one."""
    import segno

    image = BytesIO()
    segno.make(text, error="m", micro=False).save(
        image, kind="svg", scale=4, dark="black", light="white", xmldecl=False, svgclass=None, lineclass=None, nl=False
    )
    return image.getvalue().decode().replace("#000", "black").replace("#fff", "white")


def step_of(seed: str, code: str, now: float) -> int | None:
    """The time step whose code it is, around now; None for a wrong one."""
    import pyotp

    maker, current = pyotp.HOTP(seed), int(now) // PERIOD
    found = [step for step in (current + off for off in _AROUND) if hmac.compare_digest(maker.at(step), _typed(code))]
    return max(found) if found else None


def _typed(code: str) -> str:
    """A code as people write it: apps show it with a gap. What is no digits is equal to no code."""
    plain = code.replace(" ", "")
    return plain if plain.isascii() and plain.isdigit() else ""
