"""The second wall of an app: its policies as PostgreSQL's row-level security, and whether the database has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.access.policy import Rules, rules_of
from undercroft.app.checking import check_rules
from undercroft.base.faults import SetupFault
from undercroft.pipeline.second_wall import SecondWall
from undercroft.sql.postgres import TextDialect
from undercroft.sql.rls import ANYBODY, Wall, roles_of_rules, wall_of

if TYPE_CHECKING:
    from undercroft.app.blueprint import Blueprint
    from undercroft.base.settings import Settings
    from undercroft.engine import migrate


def wall_for(app: Blueprint, settings: Settings) -> Wall:
    """The wall that an app's policies make. Raises `SetupFault` for a policy that row-level security cannot say."""
    catalog, rules = app.catalog(settings.api.schemas[0]), rules_of(app.policies, app.column_rules, app.bypass)
    check_rules(catalog, rules)
    return wall_of(catalog, rules, TextDialect())


def second_wall(rules: Rules, settings: Settings) -> SecondWall | None:
    """How requests are run in their callers' roles, where the settings say so."""
    if not settings.database.rls:
        return None
    return SecondWall(frozenset(roles_of_rules(rules)) | rules.bypass, ANYBODY)


def ensure_wall(app: Blueprint, settings: Settings, place: migrate.Site) -> None:
    """While developing, make the wall; elsewhere insist on it. Raises `SetupFault`."""
    from undercroft.engine.migrate import walls

    wall = wall_for(app, settings)
    if app.developing:
        walls.apply(wall.pieces, place)
    else:
        walls.insist(wall.pieces, place)


def refuse_without_postgres(settings: Settings, url: str | None) -> None:
    """Raises `SetupFault` where row-level security is asked of a database that has none."""
    if settings.database.rls and url is None:
        raise SetupFault(
            "[database] rls is for PostgreSQL: SQLite has no row-level security",
            hint="Leave it out, or name a database: postgresql://…",
        )
