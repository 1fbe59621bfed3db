"""Why a migration was refused. All of them are found before the database is changed, or are rolled back whole."""

from __future__ import annotations

from undercroft.base.faults import SetupFault
from undercroft.engine.migrate.types import Question


class NotUpToDate(SetupFault):
    """The database's schema is not the models'; the hint names the command that makes it so."""

    default_code = "UC201"


class DataLoss(SetupFault):
    """A step would lose stored values and nobody agreed to it; `details` lists what is lost."""

    default_code = "UC202"


class RenameUnanswered(SetupFault):
    """Something vanished where something appeared: whether it was renamed has to be declared or answered."""

    questions: tuple[Question, ...] = ()

    default_code = "UC203"


class DataForbids(SetupFault):
    """The rows that are stored do not fit the new schema; `details` says which and how many."""

    default_code = "UC204"


class Drifted(SetupFault):
    """The database is not what its revision says, so that running the next one would be guessing."""

    default_code = "UC205"


class Busy(SetupFault):
    """Another process holds the database for longer than we were told to wait."""

    default_code = "UC206"


class RevisionBroken(SetupFault):
    """A revision file cannot be read, contradicts another one, or failed; nothing of it was kept."""

    default_code = "UC207"


class CannotPlan(SetupFault):
    """A change that cannot be worked out for SQLite: it has to be written by hand, or declared clearly."""

    default_code = "UC208"
