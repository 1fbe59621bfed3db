"""Accept and Content-Type: which of our media types a caller wants, and in which the body came."""

from __future__ import annotations

from typing import Literal, NamedTuple

from undercroft.rest.errors import BodyFault, MediaFault, shown

MediaKind = Literal["json", "object", "csv", "openapi", "openapi 2.0", "openapi 3.1"]
BodyKind = Literal["json", "csv", "form"]


class Media(NamedTuple):
    """A media type that we produce. `stripped` leaves nulls out; `text` is the Content-Type without its charset."""

    kind: MediaKind
    text: str
    stripped: bool = False
    bare: bool = False
    """No charset is told of it."""


JSON = Media("json", "application/json")
JSON_STRIPPED = Media("json", "application/vnd.pgrst.array+json;nulls=stripped", stripped=True)
OBJECT = Media("object", "application/vnd.pgrst.object+json")
OBJECT_STRIPPED = Media("object", "application/vnd.pgrst.object+json;nulls=stripped", stripped=True)
CSV = Media("csv", "text/csv")
OPENAPI = Media("openapi", "application/openapi+json")
"""In the version that the settings say."""

_ROOT = {
    "": OPENAPI,
    "*/*": OPENAPI,
    "application/*": OPENAPI,
    "application/openapi+json": OPENAPI,
    "application/json": JSON,
}
_VERSIONS = {"2.0": Media("openapi 2.0", ""), "3.1": Media("openapi 3.1", "")}
_ANY = frozenset({"*/*", "application/*", "application/json"})
_ARRAYS = frozenset({"application/vnd.pgrst.array+json", "application/vnd.pgrst.array"})
_OBJECTS = frozenset({"application/vnd.pgrst.object+json", "application/vnd.pgrst.object"})
_BODIES: dict[str, BodyKind] = {
    "": "json",
    "application/json": "json",
    "application/vnd.pgrst.object+json": "json",
    "application/vnd.pgrst.object": "json",
    "application/vnd.pgrst.array+json": "json",
    "application/vnd.pgrst.array": "json",
    "text/csv": "csv",
    "application/x-www-form-urlencoded": "form",
}


def read_accept(header: bytes) -> Media:
    """The first type, by quality and then by place, that we produce for a table.

    Raises MediaFault (PGRST107) where there is none. `application/geo+json` and `application/vnd.pgrst.plan` are among
    those that are not produced.
    """
    text = header.decode("latin-1").strip()
    if not text:
        return JSON
    ranges = [_range(index, piece) for index, piece in enumerate(text.split(",")) if piece.strip()]
    for quality, _, name, parameters in sorted(ranges):
        found = _produced(name, parameters)
        if found and quality < 0:
            return found
    names = ", ".join(piece.split(";")[0].strip() for piece in text.split(","))
    raise MediaFault(f"None of these media types are available: {shown(names)}")


def read_root_accept(header: bytes) -> Media:
    """The first type that we produce for the root, which is described and not listed; `version=2.0` (PostgREST's) or
    `version=3.1` (ours) behind it chooses.

    Raises MediaFault (PGRST107) where there is none.
    """
    pieces = [piece.split(";") for piece in header.decode("latin-1").lower().split(",")]
    for name, *parameters in pieces:
        media = _ROOT.get(name.strip())
        if media is not None:
            version = next((word.strip() for word in parameters if word.strip().startswith("version=")), "version=")
            return _VERSIONS.get(version.removeprefix("version=").strip('"'), Media("openapi", media.text))._replace(
                text=media.text
            )
    names = ", ".join(piece[0].strip() for piece in pieces)
    raise MediaFault(f"None of these media types are available: {shown(names)}")


def read_content_type(header: bytes) -> BodyKind:
    """How the body is written. Raises BodyFault (PGRST102) for a type that is not read."""
    name = header.decode("latin-1").split(";", 1)[0].strip().lower()
    kind = _BODIES.get(name)
    if kind is None:
        raise BodyFault(f"Content-Type not acceptable: {shown(name)}")
    return kind


def _range(index: int, piece: str) -> tuple[float, int, str, tuple[str, ...]]:
    """One member of an Accept header, so that sorting puts the wanted first: minus its quality, and its place."""
    name, *rest = (part.strip().lower() for part in piece.split(";"))
    quality = 1.0
    parameters: list[str] = []
    for part in rest:
        key, _, value = part.partition("=")
        if key.strip() == "q":
            quality = _quality(value.strip())
            break
        parameters.append(f"{key.strip()}={value.strip()}")
    return -quality, index, name, tuple(parameters)


def _quality(text: str) -> float:
    whole, _, fraction = text.partition(".")
    if whole not in ("0", "1") or len(fraction) > 3 or (fraction and not (fraction.isascii() and fraction.isdigit())):
        return 0.0
    return min(1.0, float(f"{whole}.{fraction or 0}"))


def _produced(name: str, parameters: tuple[str, ...]) -> Media | None:
    stripped = "nulls=stripped" in parameters
    if name in _ANY:
        return JSON
    if name in _OBJECTS:
        return OBJECT_STRIPPED if stripped else OBJECT
    if name in _ARRAYS:
        return JSON_STRIPPED if stripped else JSON
    if name in ("text/csv", "text/*"):
        return CSV
    return None
