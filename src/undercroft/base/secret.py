"""A value that must never be shown: it prints as nothing, compares in constant time, and is opened by name only."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


SHORTEST_SHARED = 16
"""Bytes of a secret that signs, at least: what is shorter can be found by trying."""


class Secret:
    """A password, a signing key or an address that holds one.

    `repr`, `str`, f-strings, logs, tracebacks and JSON of a settings object show `shown` instead. Whoever needs the
    value says so: `reveal()` or `reveal_bytes()`, two names that a review can search for.
    """

    __slots__ = ("_raw",)

    shown: ClassVar[str] = "(secret)"

    def __init__(self, value: str | bytes) -> None:
        self._raw = value.encode() if isinstance(value, str) else bytes(value)

    def reveal(self) -> str:
        """The value as text (UTF-8); raises `UnicodeDecodeError` for binary secrets."""
        return self._raw.decode()

    def reveal_bytes(self) -> bytes:
        """The value as bytes; a text secret as its UTF-8 bytes, as every JWT tool takes it."""
        return self._raw

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return f"Secret{self.shown}"

    def __str__(self) -> str:
        return self.shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        return hash((Secret, self._raw))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lets pydantic fields be of this type: they take a text, and are written out as `shown`."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._taken,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def _taken(cls, value: object) -> Secret:
        if isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            raise ValueError("should be a text")  # pydantic collects ValueError only
        return cls(value)
