"""An answer's body, never longer than allowed: also not after it was unpacked."""

from __future__ import annotations

import zlib


class Inflation(ValueError):
    """A compressed body that is none, or in a coding that was not asked for."""


class Body:
    """Unpacks a body piece by piece, at most `limit` bytes of it; `over` says that there was more.

    Gzip may have several members, one after the other (RFC 1952, 2.2): their contents are joined. What came in is
    counted too, since members may be empty.
    """

    def __init__(self, coding: str, limit: int) -> None:
        """`coding` is the `Content-Encoding`. Raises `Inflation` for one that was not asked for."""
        self._left = limit
        self._raw_left = limit + limit // 64 + 1024  # what cannot be packed becomes a little longer
        self._begun = False
        self._inflate = _inflater(coding.strip().lower())
        self.over = False

    def take(self, piece: bytes) -> bytes:
        """What of the next piece may be kept. Raises `Inflation`."""
        self._raw_left -= len(piece)
        if self._inflate is not None:
            # One byte more than there is room for tells that there is more.
            piece = self._unpacked(piece, self._left + 1)
        if len(piece) > self._left or self._raw_left < 0:
            self.over = True
            piece = piece[: self._left]
        self._left -= len(piece)
        return piece

    def end(self) -> None:
        """There are no more pieces. Raises `Inflation` for a packed body that ends too early."""
        if self._inflate is not None and self._begun and not self.over and not self._inflate.eof:
            raise Inflation("gzip that ends too early")

    def _unpacked(self, packed: bytes, most: int) -> bytes:
        found: list[bytes] = []
        while packed and most > 0:
            if self._inflate is None or self._inflate.eof:
                packed = packed.lstrip(b"\0")  # padding, as of tapes
                if not packed:
                    break
                self._inflate = _inflater("gzip")
                continue
            self._begun = True
            try:
                found.append(self._inflate.decompress(packed, most))
            except zlib.error:
                raise Inflation("not gzip") from None
            most -= len(found[-1])
            packed = self._inflate.unused_data
        return b"".join(found)


def _inflater(coding: str) -> zlib._Decompress | None:
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    raise Inflation(f"the coding {coding[:20]} was not asked for")
