"""`auth.uid`, `auth.role`, `auth.aal`, `auth.claim(...)`: the caller's identity inside a policy, as parameters bound
anew for each request.

A claim that is absent, null or of the wrong type is NULL in SQL, so that a comparison with it is never true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import BindParameter

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from undercroft.access.actor import Actor


class ClaimParameter(BindParameter[Any]):
    """A bound parameter whose value comes from the actor. It takes the type of what it is compared with."""

    inherit_cache = True

    def __init__(
        self, name: str, path: tuple[str, ...], type_: TypeEngine[Any] | None = None, *, many: bool = False
    ) -> None:
        # Whoever executes it otherwise, as in a query of one's own, is told that it has no value there.
        super().__init__(f"auth_{name}", type_=type_, unique=True, required=True)
        self.name = name
        self.path = path
        self.many = many

    def typed(self, type_: TypeEngine[Any]) -> ClaimParameter:
        """The same claim as a value of that type, under a parameter of its own."""
        return ClaimParameter(self.name, self.path, type_, many=self.many)

    def _with_binary_element_type(self, type_: TypeEngine[Any]) -> ClaimParameter:
        return self.typed(type_)

    def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
        # On the left of a comparison SQLAlchemy would leave the type open, and the value unconverted.
        if self.type._isnull and other:
            theirs = _type_of(other[0])
            if not theirs._isnull:
                return self.typed(theirs).operate(op, *other, **kwargs)
        return super().operate(op, *other, **kwargs)

    def read(self, actor: Actor) -> object:
        """The raw value of this claim for one actor; None when there is none."""
        match self.name:
            case "uid":
                return actor.uid
            case "role":
                return actor.role
            case _:
                value: Any = actor.claims
                for step in self.path:
                    value = value.get(step) if hasattr(value, "get") else None
                return value


def _type_of(other: Any) -> TypeEngine[Any]:
    """The type of what a claim is compared with: a column, a value, or the first value of a list."""
    if isinstance(other, (list, tuple, set, frozenset)):
        other = next((member for member in other if member is not None), None)
    if isinstance(other, sa.ClauseElement) or hasattr(other, "__clause_element__"):
        return getattr(other, "type", None) or sa.types.NULLTYPE
    return sa.literal(other).type


uid = ClaimParameter("uid", ())
"""The user's id: the token's `sub`. NULL for an anonymous caller."""

role = ClaimParameter("role", (), sa.Text())
"""The caller's role: `anon`, `authenticated`, `service_role` or one of the app's own."""

aal = ClaimParameter("claim", ("aal",), sa.Text())
"""How sure it is who calls: `aal1` after one proof, `aal2` after a second factor. NULL for an anonymous caller."""


def claim(*path: str) -> ClaimParameter:
    """A verified claim of the token, by its path: `auth.claim("app_metadata", "org_id")`."""
    return ClaimParameter("claim", path)


def is_among(column: Any, *path: str) -> sa.ColumnElement[bool]:
    """Whether a column's value is in a claim that is a list: `auth.is_among(post.org_id, "orgs")`. Never, when it is
    none."""
    listed = sa.func.json_each(ClaimParameter("claim", path, column.type, many=True))
    members = listed.table_valued(sa.column("value", column.type))
    found: sa.ColumnElement[bool] = column.in_(sa.select(members.c.value))
    return found
