"""What a transaction is told of its request, where the database itself decides: role, claims, headers, search path.

Everything is a value of one `Local`, so that it travels with the statement.
Protocol: PostgREST's "transactions" page, "transaction-scoped settings".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from undercroft.access.actor import Actor
from undercroft.engine.types import Local

ISOLATION = "default_transaction_isolation"
_CLAIMS = "claims as text"
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


class Circumstances(NamedTuple):
    """What a request brings beside its caller. Header names are lower case."""

    method: str
    path: str
    headers: Sequence[tuple[bytes, bytes]]
    schema: str
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """What `ALTER ROLE … SET` says of a role, as far as the connecting role may set it."""

    settings: tuple[tuple[str, str], ...] = ()
    isolation: str | None = None


@dataclass(frozen=True, slots=True)
class Impersonation:
    """How transactions are made the caller's own."""

    extra_search_path: tuple[str, ...] = ()
    app_settings: tuple[tuple[str, str], ...] = ()
    pre_request: str | None = None
    """A function's name, with its schema where it has one: `auth.check_request`."""
    hoisted: frozenset[str] = frozenset()
    """Settings of a function that hold for the whole transaction in which it is called."""
    roles: Mapping[str, RoleSettings] = field(default_factory=dict)

    def local(
        self,
        actor: Actor,
        circumstances: Circumstances,
        *,
        read_only: bool,
        routine: Iterable[tuple[str, str]] = (),
    ) -> Local:
        """The transaction of one request. `routine` are the settings that the called function was declared with."""
        role = self.roles.get(actor.role, _PLAIN)
        hoisted = [(name, value) for name, value in routine if name in self.hoisted] if routine else []
        settings = (
            ("search_path", search_path((circumstances.schema, *self.extra_search_path))),
            ("request.jwt.claims", claims_text(actor)),
            ("request.method", circumstances.method),
            ("request.path", circumstances.path),
            ("request.headers", headers_text(circumstances.headers)),
            ("request.cookies", cookies_text(circumstances.headers)),
            *self.app_settings,
            *role.settings,
            *((("timezone", circumstances.timezone),) if circumstances.timezone else ()),
            *((name, value) for name, value in hoisted if name != ISOLATION),
        )
        isolation = next((value for name, value in hoisted if name == ISOLATION), role.isolation)
        return Local(actor.role, settings, read_only, isolation, self._before())

    def _before(self) -> tuple[str, ...]:
        return (f"SELECT {quoted(self.pre_request)}()",) if self.pre_request else ()


_PLAIN = RoleSettings()


def role_settings(rows: Iterable[tuple[str, str, str]]) -> dict[str, RoleSettings]:
    """(role, setting, value) rows by role; how a transaction is isolated is part of its beginning."""
    found: dict[str, dict[str, str]] = {}
    for role, name, value in rows:
        found.setdefault(role, {})[name] = value
    return {
        role: RoleSettings(
            tuple((name, value) for name, value in settings.items() if name != ISOLATION), settings.get(ISOLATION)
        )
        for role, settings in found.items()
    }


def quoted(name: str) -> str:
    """`schema.function` as it stands in SQL; only the first dot parts."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


@lru_cache(64)
def search_path(schemas: tuple[str, ...]) -> str:
    """The schemas as `search_path` takes them, each once."""
    return ", ".join('"' + schema.replace('"', '""') + '"' for schema in dict.fromkeys(schemas) if schema)


def claims_text(actor: Actor) -> str:
    """The claims as JSON, the role among them; worked out once for each actor."""
    found = actor.converted.get(_CLAIMS)
    if not isinstance(found, str):
        found = actor.converted[_CLAIMS] = _json({**actor.claims, "role": actor.role})
    return found


def headers_text(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The headers as a JSON object, without the cookies."""
    return _json({_text(name): _text(value) for name, value in headers if name != b"cookie"})


def cookies_text(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The cookies as a JSON object; what is no cookie is left out."""
    given = [value for name, value in headers if name == b"cookie"]
    if not given:
        return "{}"
    found: dict[str, str] = {}
    for value in given:
        for piece in _text(value).split(";"):
            key, _, text = piece.strip().partition("=")
            if key:
                found[key] = text
    return _json(found)


def _text(raw: bytes) -> str:
    # A setting is a text of the database's encoding: bytes that are none, and NUL, cannot be part of it.
    return raw.decode("utf-8", "replace").replace("\0", "")


def _json(value: Any) -> str:
    return _ENCODE(value).decode()
