"""What the verbs of this room are handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

ORGANISATION_MANAGE = "organisation.manage"
"""Change the name and the like of an organisation."""
ORGANISATION_DELETE = "organisation.delete"
"""Delete it, with all that hangs on it."""
MEMBERS_MANAGE = "members.manage"
"""Invite people, change their roles, and take them out."""
ROLES_MANAGE = "roles.manage"
"""Give and take roles in the app."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say of organisations, and the time."""

    now: Callable[[], datetime]
    email_of: Callable[[str], str | None]
    """An address as accounts have it; None for what is none."""
    page: str
    """The address that invitations lead to."""
    lifetime: float
    """Seconds for which an invitation is good."""
    invitations_per_hour: int
    """Of one person, at most; 0 for any number."""
    most_organisations: int
    """That one person may make; 0 for any number."""
