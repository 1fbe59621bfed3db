"""The root of an existing database: PostgREST's Swagger 2.0 of what the caller may use, or a function's own answer.

Protocol: PostgREST's "openapi" page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from undercroft.pipeline.privileges import granted
from undercroft.rest.errors import MediaFault, PathFault, shown
from undercroft.rest.parts.accepts import wanted
from undercroft.rest.parts.swagger import swagger
from undercroft.rest.parts.swagger_functions import of_routine
from undercroft.rest.parts.swagger_tables import Usable

if TYPE_CHECKING:
    from undercroft.access.actor import Actor
    from undercroft.catalog.types import Catalog, Table
    from undercroft.pipeline.database import DatabasePipeline
    from undercroft.pipeline.impersonation import Circumstances

_GIVEN = frozenset({"*/*", "application/*", "application/json", "application/openapi+json"})
_TYPE = (b"content-type", b"application/openapi+json; charset=utf-8")


class Described(NamedTuple):
    """A description, and how it is announced."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class DatabaseRoot:
    """What is told at the root. `server` is the address that callers use; `secured` tells of tokens."""

    pipeline: DatabasePipeline
    server: str
    shown: bool = True
    everything: bool = False
    """Also what the caller may not use."""
    secured: bool = False
    function: str | None = None
    """A function whose answer takes the place of the description."""

    async def describe(self, schema: str, accept: str, actor: Actor, circumstances: Circumstances) -> Described:
        """The description for a caller.

        Raises `PathFault` PGRST126 where there is none, `MediaFault` PGRST107, and what the database refuses.
        """
        asked = [each.name for each in wanted(accept)] or ["*/*"]
        if _GIVEN.isdisjoint(asked):
            raise MediaFault(f"None of these media types are available: {shown(', '.join(asked))}")
        if not self.shown:
            raise PathFault("Root endpoint metadata is disabled", code="PGRST126")
        catalog = self.pipeline.serving.catalogs[schema]
        tables, functions = list(catalog.tables), list(catalog.routines)
        local = self.pipeline.serving.impersonation.local(actor, circumstances, read_only=True)
        may = await granted(self.pipeline.engine, schema, local)
        if not self.everything:
            tables = [name for name in tables if name in may.tables]
            functions = [name for name in functions if name in may.functions]
        return Described((_TYPE,), self._document(catalog, tables, functions))

    def _document(self, catalog: Catalog, tables: list[str], functions: list[str]) -> bytes:
        return swagger(
            catalog,
            [_usable(catalog.tables[name]) for name in tables],
            [of_routine(name, catalog.routines[name]) for name in functions],
            server=self.server,
            secured=self.secured,
        )


def _usable(table: Table) -> Usable:
    """Who may write to it in any way is told of all ways."""
    writes = table.insertable or table.updatable or table.deletable
    return Usable(table, True, writes, writes, writes)
