"""From one database to another, on the other engine or on the same: schema, rows, numbering, and the proof that all
of it arrived. This is the door.
"""

from __future__ import annotations

from undercroft.engine.move.postgres import PostgresSide
from undercroft.engine.move.run import Order, move
from undercroft.engine.move.sqlite import SqliteSide
from undercroft.engine.move.types import Goal, Moved, OnProgress, Origin, Progress, TableMoved

__all__ = [
    "Goal",
    "Moved",
    "OnProgress",
    "Order",
    "Origin",
    "PostgresSide",
    "Progress",
    "SqliteSide",
    "TableMoved",
    "move",
]
