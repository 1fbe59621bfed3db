"""What kind of thing a file is, by its name, the same on every machine; and which form of it a browser takes."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from functools import cache
from pathlib import PurePath

_KNOWN = {
    ".avif": "image/avif", ".ico": "image/x-icon", ".jxl": "image/jxl", ".map": "application/json",
    ".md": "text/markdown", ".mjs": "text/javascript", ".js": "text/javascript", ".json": "application/json",
    ".svg": "image/svg+xml", ".ttf": "font/ttf", ".otf": "font/otf", ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json", ".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2",
    ".xml": "application/xml", ".mp4": "video/mp4", ".webm": "video/webm", ".gz": "application/gzip",
    ".br": "application/octet-stream",
}  # fmt: skip
_TEXTS = ("application/json", "application/manifest+json", "application/xml", "image/svg+xml")
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
"""Forms of a file that may lie beside it, the best first."""


def media_type(name: str) -> str:
    """The type of a file, with its charset where it is a text."""
    suffix = PurePath(name).suffix.lower()
    kind = _KNOWN.get(suffix) or _usual().get(suffix, "application/octet-stream")
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in _TEXTS else kind


@cache
def _usual() -> Mapping[str, str]:
    """Python's own table, and never the one of the machine; that is read all the same, so nobody waits for it who
    serves no files.
    """
    return mimetypes.MimeTypes(filenames=()).types_map[True]


def encodings_of(accepted: str | None) -> list[tuple[str, str]]:
    """The encodings that a browser takes (RFC 9110, 12.5.3), the best first, with their suffixes."""
    taken = set()
    for part in (accepted or "").lower().split(","):
        name, _, weight = part.strip().partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(name.strip())
    return [pair for pair in ENCODINGS if pair[0] in taken]
