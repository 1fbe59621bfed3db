"""Somebody as another place describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Who came, by their id there. An address counts as theirs only where the place says that it looked."""

    subject: str
    email: str | None
    verified: bool
    data: dict[str, Any] = field(repr=False)
    """What is kept of them as `identity_data`, in GoTrue's words."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Somebody, and what their place gave for later calls to it."""

    person: Person
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
