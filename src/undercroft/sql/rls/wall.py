# ruff: noqa: S608  names are quoted, and constants are literals
"""The policies of an app as PostgreSQL's row-level security: a second wall, which holds whatever the first one lets by.

It is a list of pieces. Each knows how it is put up and taken down, and what must stand before it; their names stay the
same as long as the policies keep theirs, so that what has changed can be told from what has not.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from undercroft.access.actor import ANON, AUTHENTICATED
from undercroft.access.asked import FUNCTIONS, Asked, as_functions, function_name
from undercroft.access.claims import ClaimParameter
from undercroft.access.guard import typed
from undercroft.access.policy import ColumnRule, Policy, Rules
from undercroft.access.single import clause_of
from undercroft.base.faults import SetupFault
from undercroft.sql.rls.conditions import ASKING, condition_text, function_text, signature, tables_of, value_text
from undercroft.sql.rls.grants import Holding, holdings
from undercroft.sql.rls.readers import READERS
from undercroft.sql.rls.texts import literal, quoted, table_name

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from undercroft.catalog.types import Catalog, Table

ANYBODY = "undercroft_anybody"
"""The role of callers whose role no policy names: what is for everybody is for them."""
OWNER = "undercroft.owner"
"""A setting: `on` where the owner of the tables is to see every row, as migrations are."""
PREFIX = "undercroft."
"""How the names of our policies begin."""
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the wall: SQL that puts it up, SQL that takes it down (nothing where it stays), and what it needs."""

    key: str
    up: str
    down: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wall:
    """The whole of it. `notes` say what the database is not told, in sentences."""

    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()


def roles_of_rules(rules: Rules) -> tuple[str, ...]:
    """The roles that the database must know, without those to which no policy applies."""
    named = {role for policies in rules.policies.values() for policy in policies for role in policy.roles}
    named |= {role for columns in rules.columns.values() for rule in columns for role in rule.roles}
    return tuple(sorted((named | {ANON, AUTHENTICATED, ANYBODY}) - rules.bypass))


def wall_of(catalog: Catalog, rules: Rules, dialect: Dialect) -> Wall:
    """The second wall of an app. Raises `SetupFault` for a policy that cannot be told to the database, by its name."""
    writer = _Writer(catalog, rules, dialect)
    pieces = tuple(writer.pieces())
    twice = next((key for key, times in Counter(piece.key for piece in pieces).items() if times > 1), None)
    if twice is not None:  # one of them would take the other's place
        raise SetupFault(f"row-level security cannot have two of one name: {twice}", hint="Rename a policy or a table.")
    return Wall(pieces, tuple(writer.notes))


class _Writer:
    def __init__(self, catalog: Catalog, rules: Rules, dialect: Dialect) -> None:
        self.catalog, self.rules, self.dialect = catalog, rules, dialect
        self.roles = roles_of_rules(rules)
        self.notes: list[str] = []
        self.tables = [table for _, table in sorted(catalog.tables.items()) if not table.is_view]
        self.read: set[sa.Table] = set()
        """What the queries of policies read."""

    def pieces(self) -> Iterator[Piece]:
        roles = (*self.roles, *sorted(self.rules.bypass), ASKING)
        for role in roles:
            yield Piece(f"role {role}", _role(role))
        functions = (
            f"CREATE SCHEMA IF NOT EXISTS {FUNCTIONS}",
            f"GRANT USAGE ON SCHEMA {FUNCTIONS} TO PUBLIC",
            f"GRANT CREATE ON SCHEMA {FUNCTIONS} TO {ASKING}",
        )
        yield Piece("functions", ";\n".join((*functions, *READERS)), "", (f"role {ASKING}",))
        known = {table for each in self.tables for table in each.element.metadata.tables.values()}
        yield Piece("schemas", _usage(known, roles))
        for table in self.tables:
            yield from self._of_table(table)
        served = {table.element for table in self.tables}
        for read in sorted(self.read, key=_full_name):
            if read in served:
                yield self._policy(read, "asked", "SELECT", ASKING, "true", None, (f"role {ASKING}",))
            yield _grant(read, Holding(ASKING, ("SELECT",)))
        for other in sorted(known - served, key=_full_name):
            for role in sorted(self.rules.bypass):
                yield _grant(other, Holding(role, ("ALL",), inserts=True))

    def _of_table(self, table: Table) -> Iterator[Piece]:
        name, element = table_name(table.element), table.element
        force = f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield Piece(
            f"table {table.name}",
            force,
            f"ALTER TABLE IF EXISTS {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
        )
        on = f"(SELECT current_setting('{OWNER}', true)) = 'on'"
        yield self._policy(element, "owner", "ALL", "CURRENT_USER", on, on)
        for role in sorted(self.rules.bypass):
            yield self._policy(element, f"role {role}", "ALL", quoted(role), "true", "true", (f"role {role}",))
        compared: dict[str, set[str]] = {}
        for policy in self.rules.policies.get(table.name, ()):
            yield from self._of_policy(table, policy, compared)
        yield from self._presets(table)
        for holding in holdings(table, self.rules, self.roles, compared, self.notes):
            yield _grant(element, holding)

    def _of_policy(self, table: Table, policy: Policy, compared: dict[str, set[str]]) -> Iterator[Piece]:
        element, needs, texts = table.element, ["functions", *(f"role {role}" for role in sorted(policy.roles))], {}
        for side in ("using", "check") if policy.check is not policy.using else ("using",):
            name = function_name(self.rules, policy, side)
            command = min(policy.commands)
            try:
                clause = clause_of(policy, table, command, element, new=side == "check")
                if clause is not None:
                    clause, asked = as_functions(clause, element, name)
                    for each in asked:
                        yield (piece := self._function(each))
                        needs.append(piece.key)
                        self.read |= tables_of(each)
                    _compare(clause, policy, self.roles, compared)
                texts[side] = condition_text(clause, element, self.dialect)
            except SetupFault as fault:
                raise SetupFault(
                    f"{policy.source}: the policy {policy.name} of {table.name}: {fault}", hint=fault.hint
                ) from fault
        using, check = texts["using"], texts.get("check", texts["using"])
        to = ", ".join(map(quoted, sorted(policy.roles - self.rules.bypass))) if policy.roles else "PUBLIC"
        if not to:
            return
        label = function_name(self.rules, policy, "using").removeprefix(f"{table.name}_")
        for verb in sorted(policy.commands):
            rows = None if verb == "insert" else using
            new = check if verb in ("insert", "update") else None
            yield self._policy(element, f"{label} {verb}", verb.upper(), to, rows, new, tuple(needs))

    def _function(self, asked: Asked) -> Piece:
        down = f"DROP FUNCTION IF EXISTS {signature(asked, self.dialect)}"
        return Piece(f"function {asked.name}", function_text(asked, self.dialect), down, ("functions",))

    def _presets(self, table: Table) -> Iterator[Piece]:
        rules = [rule for rule in self.rules.columns.get(table.name, ()) if rule.kind == "preset"]
        known: Counter[str] = Counter()
        for place, rule in enumerate(rules):
            for name in sorted(rule.columns):
                column = table.element.c[name]
                if not isinstance(rule.value, (ClaimParameter, sa.BindParameter)):
                    self.notes.append(f"{table.name}.{name} is set by the app alone: its value is an expression")
                    continue
                value = typed(rule.value, column.type)
                if not isinstance(value, ClaimParameter):
                    value = sa.literal(value.value, column.type)
                held = f"{quoted(name)} IS NOT DISTINCT FROM {value_text(value, self.dialect)}"
                for each in sorted(rule.commands & {"insert", "update"}):
                    later = [other for other in rules[place + 1 :] if name in other.columns and each in other.commands]
                    roles = [role for role in self._held(rule) if not any(other.speaks_for(role) for other in later)]
                    if not roles:
                        continue
                    known[f"{name} {each}"] += 1
                    number = known[f"{name} {each}"]
                    label = f"preset {name} {each}" + (f" {number}" if number > 1 else "")
                    needs, to = ("functions", *(f"role {role}" for role in roles)), ", ".join(map(quoted, roles))
                    yield self._policy(table.element, label, each.upper(), to, None, held, needs, restrictive=True)

    def _held(self, rule: ColumnRule) -> tuple[str, ...]:
        """The roles to which a column rule applies."""
        return tuple(sorted(rule.roles - self.rules.bypass)) if rule.roles else self.roles

    def _policy(
        self,
        table: sa.Table,
        label: str,
        command: str,
        to: str,
        using: str | None,
        check: str | None,
        needs: tuple[str, ...] = (),
        *,
        restrictive: bool = False,
    ) -> Piece:
        name = policy_name(label)
        parts = [f"CREATE POLICY {quoted(name)} ON {table_name(table)}"]
        parts += ["AS RESTRICTIVE"] if restrictive else []
        parts += [f"FOR {command} TO {to}"]
        if restrictive and command == "UPDATE":
            using = "true"  # else the check would be asked of rows as they are, too
        parts += [f"USING ({using})"] if using is not None else []
        parts += [f"WITH CHECK ({check})"] if check is not None else []
        return Piece(
            f"policy {table.fullname} {name}",
            "\n".join(parts),
            f"DROP POLICY IF EXISTS {quoted(name)} ON {table_name(table)}",
            needs,
        )


def policy_name(label: str) -> str:
    """A policy's name in the database, which is at most 63 bytes long."""
    name = f"{PREFIX}{label}"
    if len(name.encode()) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST - 9].decode(errors='ignore')}~{digest}"


def _compare(clause: Any, policy: Policy, roles: tuple[str, ...], compared: dict[str, set[str]]) -> None:
    columns = {part.name for part in visitors.iterate(clause) if isinstance(part, sa.Column)}
    for role in policy.roles or roles:
        compared.setdefault(role, set()).update(columns)


def _role(role: str) -> str:
    """Made where it is missing, and lent to whoever runs this, who is to act in it but not to inherit its rights."""
    name = literal(role)
    return f"""
DO $do$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN
        BEGIN
            CREATE ROLE {quoted(role)} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF current_setting('server_version_num')::integer < 160000 THEN
        IF NOT pg_has_role(current_user, {name}, 'MEMBER') THEN
            GRANT {quoted(role)} TO CURRENT_USER;
        END IF;
    ELSIF NOT pg_has_role(current_user, {name}, 'SET') THEN
        EXECUTE {literal(f"GRANT {quoted(role)} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE")};
    END IF;
END $do$""".strip()


def _full_name(table: sa.Table) -> str:
    return table.fullname


def _usage(tables: set[sa.Table], roles: tuple[str, ...]) -> str:
    to = ", ".join(map(quoted, roles))
    schemas = sorted({table.schema for table in tables if table.schema})
    own = (
        f"DO $do$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident(current_schema()) || {literal(f' TO {to}')}; "
        "END $do$"
    )
    return ";\n".join([own, *(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {to}" for schema in schemas)])


def _grant(table: sa.Table, holding: Holding) -> Piece:
    """The rights of a role, instead of those that it had."""
    name, role = table_name(table), quoted(holding.role)
    statements = [f"REVOKE ALL ON {name} FROM {role}", f"GRANT {', '.join(holding.rights)} ON {name} TO {role}"]
    numbered = [c for c in table.columns if c is table.autoincrement_column] if holding.inserts else []
    for column in numbered:
        sequence = f"pg_get_serial_sequence({literal(name)}, {literal(column.name)})"
        statements.append(
            f"DO $do$ BEGIN IF {sequence} IS NOT NULL THEN "
            f"EXECUTE 'GRANT ALL ON SEQUENCE ' || {sequence} || {literal(f' TO {role}')}; END IF; END $do$"
        )
    revoke = (
        f"DO $do$ BEGIN IF to_regclass({literal(name)}) IS NOT NULL THEN REVOKE ALL ON {name} FROM {role}; END IF; "
        "END $do$"
    )
    return Piece(f"grant {table.fullname} {holding.role}", ";\n".join(statements), revoke, (f"role {holding.role}",))
