"""Policies judged by hand: three-valued logic in plain loops over plain rows, sharing nothing with what is under test.

A policy is a tree of tuples. `judge` gives True, False or None (unknown) for one row, as SQL would; `two_valued` is the
mistake that everybody makes once, and is here to be caught.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Row = Mapping[str, Any]
Verdict = bool | None
Tree = tuple[Any, ...]


@dataclass(frozen=True)
class World:
    """Rows by table, the kinds of their columns by (table, column), and who is asking."""

    tables: Mapping[str, list[dict[str, Any]]]
    kinds: Mapping[tuple[str, str], str]
    uid: str | None
    role: str
    claims: Mapping[str, Any]
    two_valued: bool = False
    """Unknown is taken for false, wherever it comes up."""
    unseen: frozenset[tuple[str, Any]] = field(default_factory=frozenset)
    """(table, id) of rows that queries inside a policy do not find: those that are being written."""


def judge(tree: Tree, table: str, row: Row, world: World) -> Verdict:
    """What a policy says about a row."""
    verdict = _judge(tree, table, row, world)
    return bool(verdict) if world.two_valued else verdict


def _judge(tree: Tree, table: str, row: Row, world: World) -> Verdict:
    match tree:
        case ("true",):
            return True
        case ("false",):
            return False
        case ("and", parts):
            return _all([judge(part, table, row, world) for part in parts])
        case ("or", parts):
            return _any([judge(part, table, row, world) for part in parts])
        case ("not", part):
            return _no(judge(part, table, row, world))
        case ("bool", column):
            value = row[column]
            return None if value is None else bool(value)
        case ("compare", operator, left, right):
            kind = _kind(left, right, table, world)
            return _compare(operator, _value(left, kind, row, world), _value(right, kind, row, world))
        case ("is null", operand):
            return _value(operand, _kind(operand, operand, table, world), row, world) is None
        case ("is not null", operand):
            return _value(operand, _kind(operand, operand, table, world), row, world) is not None
        case ("in", column, constants):
            return _any([_compare("==", row[column], constant) for constant in constants])
        case ("not in", column, constants):
            return _no(_any([_compare("==", row[column], constant) for constant in constants]))
        case ("among", column, name):
            return _among(row[column], world.kinds[table, column], world.claims.get(name))
        case ("exists", other, pairs, inner):
            return any(_belongs(row, each, pairs) and judge(inner, other, each, world) for each in _rows(other, world))
        case ("in query", column, other, shown, inner):
            found = [each[shown] for each in _rows(other, world) if judge(inner, other, each, world)]
            return _any([_compare("==", row[column], value) for value in found])
        case ("json", column, key, operator, constant):
            return _compare(operator, _member(row[column], key), constant)
        case _:
            raise AssertionError(tree)


def _rows(table: str, world: World) -> list[dict[str, Any]]:
    return [row for row in world.tables[table] if (table, row["id"]) not in world.unseen]


def _belongs(row: Row, other: Row, pairs: tuple[tuple[str, str], ...]) -> bool:
    return all(_compare("==", row[own], other[theirs]) is True for own, theirs in pairs)


def _all(verdicts: list[Verdict]) -> Verdict:
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _any(verdicts: list[Verdict]) -> Verdict:
    if True in verdicts:
        return True
    return None if None in verdicts else False


def _no(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict


def _compare(operator: str, left: Any, right: Any) -> Verdict:
    if left is None or right is None:
        return None
    match operator:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


def _member(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


# ---------------------------------------------------------------- operands


def _kind(left: Tree, right: Tree, table: str, world: World) -> str:
    """A claim takes the kind of what it is compared with."""
    for side in (left, right):
        if side[0] == "column":
            return world.kinds[table, side[1]]
    constants = [side[1] for side in (left, right) if side[0] == "constant"]
    return {bool: "bool", int: "int", str: "text"}[type(constants[0])] if constants else "raw"


def _value(operand: Tree, kind: str, row: Row, world: World) -> Any:
    match operand:
        case ("column", name):
            return row[name]
        case ("constant", value):
            return value
        case ("uid",):
            return as_kind(world.uid, kind)
        case ("role",):
            return as_kind(world.role, kind)
        case ("claim", name):
            return as_kind(world.claims.get(name), kind)
        case _:
            raise AssertionError(operand)


HUES = {"red", "green", "blue"}
TRUE, FALSE = {"t", "true", "yes", "y", "on", "1"}, {"f", "false", "no", "n", "off", "0"}


def as_kind(value: Any, kind: str) -> Any:
    """A claim as a value of a column's kind, as PostgreSQL would cast it; None where it is none of that kind."""
    if value is None or isinstance(value, (list, dict)):
        return None
    if kind == "raw":
        return value
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    try:
        match kind:
            case "int":
                if isinstance(value, (bool, float)):
                    return None
                number = int(text.strip().replace("_", "x"))
                return number if -(2**31) <= number < 2**31 else None
            case "bool":
                word = text.strip().lower()
                return True if word in TRUE else False if word in FALSE else None
            case "uuid":
                return str(uuid.UUID(text))
            case "moment":
                moment = datetime.fromisoformat(text)
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            case "decimal":
                exact = Decimal(text.strip())
                return round(exact, 2) if exact.is_finite() else None
            case "hue":
                return text if text in HUES else None
            case _:
                return None if "\0" in text else text
    except (ValueError, InvalidOperation):
        return None


def _among(value: Any, kind: str, members: Any) -> Verdict:
    """Whether a value is in a claim that is a list; a member of another kind is unknown, like a null."""
    if not isinstance(members, list):
        return False
    return _any([_compare("==", value, as_kind(member, kind)) for member in members])
