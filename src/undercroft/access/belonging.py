"""What the caller is within an organisation, and within the app, for policies: `auth.org_roles()`, `auth.has_role()`.

The tables that say so come with what the app declares, and the expressions here know neither yet. They stand for a
query that is written once a policy is put into a plan: there the tables beside the policy's own are known. They are
looked up with each request, so that whoever is taken out of an organisation is out of it at once.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from undercroft.access.claims import uid
from undercroft.access.ladder import Ladder
from undercroft.base.faults import SetupFault

ORGANISATIONS, PEOPLE = "organisations", "people"
"""The kinds of roles, as a metadata remembers what was declared of them."""
_PLACES = {
    ORGANISATIONS: ("memberships", "organisation_id", "app.organisations(roles={…})"),
    PEOPLE: ("user_roles", "user_id", "app.roles({…})"),
}
_INFO = "undercroft.{}"


def declare(metadata: sa.MetaData, kind: str, ladder: Ladder) -> None:
    """Keep the roles of a kind beside the tables. Raises `SetupFault` where others were declared for the same ones."""
    other = metadata.info.setdefault(_INFO.format(kind), ladder)
    if other != ladder:
        raise SetupFault(f"the roles of {kind} are declared twice, and differ", hint="One app, one declaration.")


def declared(metadata: sa.MetaData, kind: str) -> Ladder | None:
    """The roles of a kind, where the app has any."""
    found: Ladder | None = metadata.info.get(_INFO.format(kind))
    return found


class Standing(sa.Select[Any]):
    """Stands for the rows that say what the caller is; `settled` writes the query."""

    inherit_cache = True
    kind: str = ORGANISATIONS
    roles: tuple[str, ...] = ()
    permission: str | None = None

    def written(self, metadata: sa.MetaData) -> sa.Select[Any]:
        """The query over the tables of an app. Raises `SetupFault` where it has none, or no such role."""
        table_name, column, verb = _PLACES[self.kind]
        ladder = declared(metadata, self.kind)
        if ladder is None:
            raise SetupFault(f"nothing says what roles there are of {self.kind}", hint=f"Call {verb} in the app file.")
        table = next(each for each in metadata.tables.values() if each.name == table_name and not each.schema)
        query = sa.select(table.c[column]).where(table.c.user_id == uid)
        if self.permission is not None:
            return query.where(table.c.role.in_(ladder.permitting(self.permission)))
        return query.where(table.c.role.in_(ladder.known(self.roles))) if self.roles else query


def _standing(kind: str, roles: tuple[str, ...] = (), permission: str | None = None) -> Standing:
    # Anywhere but in a policy it finds nothing, and asks for a value that nobody gives.
    made = Standing(sa.bindparam("auth_in_policies_only", required=True)).where(sa.false())
    made.kind, made.roles, made.permission = kind, roles, permission
    return made


def org_roles(*roles: str) -> Standing:
    """The organisations in which the caller has one of these roles, or any: `note.org_id.in_(auth.org_roles())`."""
    return _standing(ORGANISATIONS, roles)


def has_permission(column: Any, permission: str) -> sa.ColumnElement[bool]:
    """Whether the caller's role in the organisation that `column` names has a permission."""
    found: sa.ColumnElement[bool] = column.in_(_standing(ORGANISATIONS, permission=permission))
    return found


def has_role(*roles: str) -> sa.ColumnElement[bool]:
    """Whether the caller has one of these roles in the app, or (without any) one at all."""
    return sa.exists(_standing(PEOPLE, roles))


def permits(permission: str) -> sa.ColumnElement[bool]:
    """Whether one of the caller's roles in the app has a permission."""
    return sa.exists(_standing(PEOPLE, permission=permission))


def settled(clause: sa.ColumnElement[bool], source: sa.FromClause) -> sa.ColumnElement[bool]:
    """The clause of a policy over a row of `source`, with the queries written that were left open. Raises
    `SetupFault`.
    """
    if not any(isinstance(part, Standing) for part in visitors.iterate(clause)):
        return clause
    table: Any = source
    while isinstance(table, sa.Alias):
        table = table.element
    metadata: sa.MetaData = table.metadata

    def write(element: Any, **_: Any) -> Any:
        return element.written(metadata) if isinstance(element, Standing) else None

    written: sa.ColumnElement[bool] = visitors.replacement_traverse(clause, {}, write)
    return written
