"""Requests in their callers' own roles: where the policies stand in the database as well, as row-level security.

The first wall is the policies in the statement; this one is the database's own judgement of the same caller. What an
app's own Python does is done in the service's role: it may act as the service anyway, and the first wall holds for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

from undercroft.access.actor import SERVICE_ROLE, Actor
from undercroft.engine.types import Cursor, Local
from undercroft.pipeline.impersonation import claims_text

_ACT = "SELECT set_config('role', $1, true)"


@dataclass(frozen=True, slots=True)
class SecondWall:
    """The roles that the database knows, and the one for callers whose role it does not know."""

    roles: frozenset[str]
    anybody: str

    def reading(self, actor: Actor) -> Local:
        """The transaction of one read: the caller's role and claims."""
        return self._of(actor, "reading")

    def writing(self, actor: Actor) -> Local:
        """The transaction of one write."""
        return self._of(actor, "writing")

    def logic(self, actor: Actor) -> Local:
        """The transaction of hooks and functions: the service's role, and the claims for which the policies ask."""
        return self._of(actor, "logic")

    def acting(self, actor: Actor) -> Callable[[Cursor], AbstractContextManager[None]]:
        """Within a transaction that is the service's: statements in the caller's role, and those after them in the
        service's again. Where one fails, all of them are undone.
        """

        @contextmanager
        def act(cursor: Cursor) -> Iterator[None]:
            cursor.all(_ACT, (self._role(actor),))
            yield
            cursor.all(_ACT, (SERVICE_ROLE,))

        return act

    def _role(self, actor: Actor) -> str:
        return actor.role if actor.role in self.roles else self.anybody

    def _of(self, actor: Actor, kind: Literal["reading", "writing", "logic"]) -> Local:
        """Made once for each actor, who makes many requests."""
        key = ("second wall", kind)
        found = actor.converted.get(key)
        if not isinstance(found, Local):
            role = SERVICE_ROLE if kind == "logic" else self._role(actor)
            found = Local(role, (("request.jwt.claims", claims_text(actor)),), read_only=kind == "reading")
            actor.converted[key] = found
        return found
