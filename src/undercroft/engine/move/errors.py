"""Why a move was refused or stopped. What was copied before stays, and the same command goes on from there."""

from __future__ import annotations

from undercroft.base.faults import SetupFault


class NotEmpty(SetupFault):
    """The target holds rows already, and no interrupted move of the same source explains them."""

    default_code = "UC211"


class CannotMove(SetupFault):
    """A table or a value of the source has no place in the target; `details` says which."""

    default_code = "UC212"


class Differs(SetupFault):
    """After the copy, the rows of both sides are not the same; `details` lists the tables."""

    default_code = "UC213"


class Unreachable(SetupFault):
    """A database cannot be opened, or its connection was lost."""

    default_code = "UC214"
