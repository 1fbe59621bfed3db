"""A folder of files on disk: finding one by a path that a caller wrote, and the hash of what is in it."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

_HASHED = re.compile(r"(.+)\.([0-9a-f]{16})(\.[^.]+)")
_MOST_REMEMBERED = 10_000
_MOST_ASKED = 64 * 1024 * 1024
"""Bytes of a file that is hashed because a caller asks for it by a hash: longer ones have addresses that `hashed` made,
or none that is kept."""


class Found(NamedTuple):
    """A file in the folder."""

    path: Path
    stat: os.stat_result

    @property
    def etag(self) -> str:
        """Another one after every change."""
        return f'"{self.stat.st_mtime_ns:x}-{self.stat.st_size:x}"'


class Folder:
    """Files that lie in it and nowhere else: no name that begins with a dot, no link that leads out of it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._hashes: dict[Path, tuple[int, int, str]] = {}
        self._hashing = asyncio.Lock()

    def find(self, segments: tuple[str, ...]) -> Found | None:
        """The regular file at a path of decoded segments (`parts.paths.read_path`); None where there is none."""
        if not segments or any(_is_closed(segment) for segment in segments):
            return None
        try:
            path = Path(os.path.realpath(self.root.joinpath(*segments)))
            if not path.is_relative_to(self.root) or any(map(_is_closed, path.relative_to(self.root).parts)):
                return None  # a link leads out of the folder, or to what has no name in it
            found = path.stat()
        except (OSError, ValueError):
            return None
        return Found(path, found) if stat.S_ISREG(found.st_mode) else None

    def hash_of(self, found: Found) -> str:
        """The first 64 bits of the content's SHA-256, as hex; read again when the file has changed."""
        return self._known(found) or self._read(found)

    def _known(self, found: Found) -> str | None:
        known = self._hashes.get(found.path)
        same = known is not None and known[:2] == (found.stat.st_mtime_ns, found.stat.st_size)
        return known[2] if known is not None and same else None

    def _read(self, found: Found) -> str:
        with found.path.open("rb") as file:
            value = file_digest(file, "sha256").hexdigest()[:16]
        if len(self._hashes) >= _MOST_REMEMBERED:
            self._hashes.clear()
        self._hashes[found.path] = (found.stat.st_mtime_ns, found.stat.st_size, value)
        return value

    async def _is_current(self, found: Found, given: str) -> bool:
        """Whether a hash that a caller gives is that of the content. Files are read one after the other, and nobody
        else waits for it.
        """
        known = self._known(found)
        if known is None and found.stat.st_size <= _MOST_ASKED:
            async with self._hashing:
                known = self._known(found) or await asyncio.to_thread(self._read, found)
        return known == given

    def hashed(self, path: str) -> str | None:
        """A path with the hash in its name: "css/site.css" is "css/site.0123456789abcdef.css"; None: no such file."""
        found = self.find(tuple(path.split("/")))
        if found is None:
            return None
        stem, dot, suffix = path.rpartition(".")
        return f"{stem}.{self.hash_of(found)}{dot}{suffix}" if dot and "/" not in suffix else path

    async def unhashed(self, segments: tuple[str, ...]) -> tuple[Found, bool] | None:
        """The file that a path with a hash means, and whether the hash is that of its content now."""
        match = _HASHED.fullmatch(segments[-1]) if segments else None
        if match is None:
            return None
        found = self.find((*segments[:-1], match[1] + match[3]))
        return None if found is None else (found, await self._is_current(found, match[2]))


def _is_closed(segment: str) -> bool:
    odd = segment in ("", ".", "..") or segment.startswith(".") or "\0" in segment or "/" in segment or "\\" in segment
    # Elsewhere than on POSIX a colon names a drive or a stream, and a dot or blank at the end is dropped.
    return odd or (os.name == "nt" and (":" in segment or segment.endswith((".", " "))))
