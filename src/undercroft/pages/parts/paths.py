"""Paths: reading one as it was sent, and finding the page that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from undercroft.base.faults import SetupFault

T = TypeVar("T")
_SEGMENT = re.compile(r"\{([A-Za-z_]\w*)\}|[A-Za-z0-9._~-]+")


def read_path(raw: bytes) -> tuple[str, ...] | None:
    """The segments of a path, each decoded once; None for a path that could be read in two ways.

    Those are paths that are not UTF-8 or have control characters, and those with a segment that is empty, `.` or `..`,
    or that holds a slash or a backslash after decoding. The root has no segments.
    """
    if not raw.startswith(b"/"):
        return None
    if raw == b"/":
        return ()
    try:
        segments = tuple(unquote(part.decode("ascii"), errors="strict") for part in raw[1:].split(b"/"))
    except UnicodeDecodeError:
        return None
    for segment in segments:
        if segment in ("", ".", "..") or any(
            letter in "/\\" or ord(letter) < 32 or letter == "\x7f" for letter in segment
        ):
            return None
    return segments


def names_of(path: str, source: str) -> tuple[str, ...]:
    """The names in braces. Raises `SetupFault` for a path that is none."""
    segments = path.removeprefix("/").split("/") if path != "/" else []
    found = [_SEGMENT.fullmatch(segment) for segment in segments]
    if not path.startswith("/") or None in found:
        raise SetupFault(f'{source}: a path is made of words and of names in braces, as in "/posts/{{slug}}": {path}')
    names = tuple(match[1] for match in found if match is not None and match[1] is not None)
    if len(set(names)) != len(names):
        raise SetupFault(f"{source}: the path {path} has a name twice")
    return names


class Match(NamedTuple, Generic[T]):
    """What was found at a path, and the texts that its names stand for."""

    found: T
    texts: Mapping[str, str]


class Paths(Generic[T]):
    """What stands at which path: whole paths first, then those with names, in the order of their declaration."""

    def __init__(self, declared: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[tuple[str, ...], T] = {}
        self._named: list[tuple[tuple[tuple[str, bool], ...], T]] = []
        for path, found in declared:
            segments = tuple(path.removeprefix("/").split("/")) if path != "/" else ()
            if "{" in path:
                parts = tuple((part.strip("{}"), part.startswith("{")) for part in segments)
                self._named.append((parts, found))
            else:
                self._exact[segments] = found

    def find(self, segments: tuple[str, ...]) -> Match[T] | None:
        """What stands there."""
        exact = self._exact.get(segments)
        if exact is not None:
            return Match(exact, {})
        for parts, found in self._named:
            if len(parts) == len(segments) and all(
                is_name or part == segment for (part, is_name), segment in zip(parts, segments, strict=True)
            ):
                pairs = zip(parts, segments, strict=True)
                return Match(found, {part: segment for (part, is_name), segment in pairs if is_name})
        return None
