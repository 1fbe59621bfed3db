"""This room's faults, with PostgREST's codes and texts (group 3 of its errors), which clients compare.

Each answers 401 but PGRST300, which is a 500; a 401 carries `WWW-Authenticate`.
"""

from __future__ import annotations

from undercroft.base.faults import Fault, SetupFault


class TokenFault(Fault):
    """Not a token that we believe: malformed, wrongly signed, or of a kind that is not taken."""

    default_code = "PGRST301"


class ClaimsFault(Fault):
    """A token of ours whose claims do not hold: expired, too early, for somebody else, or unreadable."""

    default_code = "PGRST303"


class AnonymousFault(Fault):
    """A request without a token where there is no anonymous role."""

    default_code = "PGRST302"

    def __init__(self) -> None:
        super().__init__("Anonymous access is disabled")


class NoKeyFault(Fault):
    """A token came, and the server has nothing to check it with."""

    default_code = "PGRST300"
    is_told = True

    def __init__(self) -> None:
        super().__init__("Server lacks JWT secret")


class UnknownRoleFault(Fault):
    """A good token for a role that the app does not know; PostgreSQL's SQLSTATE and text for `SET ROLE`."""

    default_code = "22023"

    def __init__(self, role: str) -> None:
        super().__init__(f'role "{role}" does not exist')


class KeyFault(SetupFault):
    """A key, key set, secret or key file that must not be used; found at start."""

    default_code = "UC003"
