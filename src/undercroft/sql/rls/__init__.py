"""An app's policies as PostgreSQL's own row-level security."""

from undercroft.sql.rls.conditions import ASKING
from undercroft.sql.rls.wall import ANYBODY, OWNER, PREFIX, Piece, Wall, roles_of_rules, wall_of

__all__ = ["ANYBODY", "ASKING", "OWNER", "PREFIX", "Piece", "Wall", "roles_of_rules", "wall_of"]
