"""Roles that an app declares, from the highest to the lowest, and what each of them permits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from undercroft.base.faults import SetupFault, closest

EVERYTHING = "*"
"""Among the permissions of a role: all there are, those to come included."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The roles of one kind: within an organisation, or within the app."""

    roles: tuple[tuple[str, frozenset[str]], ...]
    built_in: frozenset[str] = frozenset()
    """Permissions that the house itself asks for."""

    @property
    def names(self) -> tuple[str, ...]:
        """The roles, the highest first."""
        return tuple(name for name, _ in self.roles)

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission that is known."""
        return self.built_in.union(*(permissions for _, permissions in self.roles)) - {EVERYTHING}

    def known(self, roles: Iterable[str]) -> tuple[str, ...]:
        """These roles. Raises `SetupFault` for one that was not declared."""
        found = tuple(roles)
        for role in found:
            if role not in self.names:
                raise SetupFault(f'no role is called "{role}"', hint=_meant(role, self.names))
        return found

    def permitting(self, permission: str) -> tuple[str, ...]:
        """The roles that have a permission. Raises `SetupFault` for one that no role names."""
        if permission not in self.permissions:
            raise SetupFault(f'no role names the permission "{permission}"', hint=_meant(permission, self.permissions))
        return tuple(name for name, held in self.roles if permission in held or EVERYTHING in held)

    def gives(self, role: str) -> tuple[str, ...]:
        """The roles that somebody with this role may give and take: none above it, and none that permits more."""
        names = self.names
        if role not in names:
            return ()
        held = dict(self.roles)
        below = names[names.index(role) :]
        return tuple(each for each in below if EVERYTHING in held[role] or held[each] <= held[role])


def ladder_of(roles: Mapping[str, str | Iterable[str]], built_in: Iterable[str]) -> Ladder:
    """The roles as an app writes them: `{"owner": "*", "member": ("notes.read",)}`. Raises `SetupFault`."""
    if not roles:
        raise SetupFault("at least one role is needed", hint='As in {"owner": "*", "member": ()}.')
    read = tuple((name, frozenset({held} if isinstance(held, str) else held)) for name, held in roles.items())
    for name, _ in read:
        if not name or name != name.strip() or len(name) > 63:
            raise SetupFault(f'a role cannot be called "{name}"', hint="Up to 63 letters, without space around them.")
    first, held = read[0]
    if EVERYTHING not in held:
        raise SetupFault(
            f'the first role is the highest: "{first}" must permit everything', hint=f'Write "{first}": "*".'
        )
    return Ladder(read, frozenset(built_in))


def _meant(name: str, known: Iterable[str]) -> str:
    near = closest(name, known)
    return f'Did you mean "{near}"?' if near else "Declare it with the roles, in the app file."
