"""Random schemas, rows, policies and callers, and each policy once more as an SQLAlchemy expression."""

from __future__ import annotations

import enum
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, aliased, mapped_column, relationship

from tests.security.naive import Tree
from undercroft import Numeric, Timestamp, Uuid, auth
from undercroft.models.base import NAMES


class Hue(enum.Enum):
    red = "red"
    green = "green"
    blue = "blue"


IDS = [f"aaaaaaa{n}-0000-4000-8000-00000000000{n}" for n in range(4)]
DAYS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=30 * n, microseconds=n) for n in range(3)]
DOMAINS: dict[str, list[Any]] = {
    "int": [0, 1, 2, 3, -1],
    "text": ["", "a", "b", "2", "Ä", "o'k", "true"],
    "bool": [True, False],
    "hue": ["red", "green", "blue"],
    "uuid": IDS,
    "moment": DAYS,
    "decimal": [Decimal(0), Decimal("1.50"), Decimal("2.25"), Decimal(-3)],
}
TYPES: dict[str, Callable[[], Any]] = {
    "int": sa.Integer,
    "text": sa.Text,
    "bool": sa.Boolean,
    "hue": lambda: sa.Enum(Hue),
    "uuid": Uuid,
    "moment": Timestamp,
    "decimal": lambda: Numeric(10, 2),
}
CLAIMS: dict[str, list[Any]] = {
    "n": [None, 1, 2, "2", " 3 ", "x", "", [1], {"a": 1}, True, 2.5, 10**30, "1_0", "1.0"],
    "t": [None, "a", "b", "", 2, True, ["a"], {"a": "a"}, "Ä", "a\u0000"],
    "b": [None, True, False, "yes", "0", 1, 0, 2, "maybe", [True]],
    "u": [None, *IDS, IDS[1].upper(), IDS[2].replace("-", ""), "nobody", 7, [IDS[0]]],
    "w": [
        None,
        DAYS[0].isoformat(),
        DAYS[1].isoformat().replace("+00:00", "Z"),
        "yesterday",
        5,
        "2026-01-01T01:00:00+01:00",
    ],
    "d": [None, 1.5, "1.50", "2.25", "NaN", "Infinity", "", [1.5], -3],
    "h": [None, "red", "pink", 1, ["red"], ""],
    "list": [
        None,
        [],
        [1, 2],
        ["a", "2"],
        [None, 1],
        [IDS[0], IDS[1].upper()],
        "a",
        1,
        {"0": 1},
        [[1]],
        [True],
        ["2", "x", None],
    ],
}
FITTING = {"int": "n", "text": "t", "bool": "b", "uuid": "u", "moment": "w", "decimal": "d", "hue": "h"}


@dataclass(frozen=True)
class Caller:
    uid: str | None
    role: str
    claims: dict[str, Any]


@dataclass(frozen=True)
class Schema:
    """Mapped classes by table, and the kinds of their columns by (table, column)."""

    base: type[Any]
    classes: dict[str, type[Any]]
    kinds: dict[tuple[str, str], str]
    nullable: dict[tuple[str, str], bool]

    def columns(self, table: str, *kinds: str) -> list[str]:
        return [column for (name, column), kind in self.kinds.items() if name == table and (not kinds or kind in kinds)]


KEYS = {
    "things": {"parent_id": "things", "other_id": "others"},
    "others": {},
    "links": {"thing_id": "things", "other_id": "others"},
}


def random_schema(chance: random.Random) -> Schema:
    """Three tables (`links` joins the other two), columns of random kinds, most of them nullable."""
    base: type[Any] = type("Base", (DeclarativeBase,), {"metadata": sa.MetaData(naming_convention=NAMES)})
    kinds: dict[tuple[str, str], str] = {}
    nullable: dict[tuple[str, str], bool] = {}
    classes: dict[str, type[Any]] = {}
    for table, keys in KEYS.items():
        body: dict[str, Any] = {
            "__tablename__": table,
            "id": mapped_column(sa.Integer, primary_key=True),
            "touched": mapped_column(sa.Text),
        }
        kinds[table, "id"] = "int"
        for column, target in keys.items():
            body[column] = mapped_column(sa.Integer, ForeignKey(f"{target}.id", ondelete="SET NULL"), nullable=True)
            kinds[table, column], nullable[table, column] = "int", True
        for kind in TYPES:
            for number in range(chance.choice((0, 1, 1, 2))):
                name = f"{kind}_{number}"
                nullable[table, name] = chance.random() < 0.75
                body[name] = mapped_column(TYPES[kind](), nullable=nullable[table, name])
                kinds[table, name] = kind
        body["doc"] = mapped_column(sa.JSON(none_as_null=True), nullable=True)
        if table == "things":
            body["other"] = relationship("Others", foreign_keys=[body["other_id"]])
            body["links"] = relationship("Links", foreign_keys="Links.thing_id", viewonly=True)
        classes[table] = type(table.capitalize(), (base,), body)
    return Schema(base, classes, kinds, nullable)


def random_row(
    chance: random.Random, schema: Schema, table: str, key: int, known: dict[str, list[int]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"id": key}
    for column in schema.columns(table):
        if column == "id":
            continue
        if schema.nullable[table, column] and chance.random() < 0.35:
            row[column] = None
        elif column in KEYS[table]:
            row[column] = chance.choice([*known[KEYS[table][column]], None])
        else:
            row[column] = chance.choice(DOMAINS[schema.kinds[table, column]])
    row["doc"] = chance.choice([None, {}, {"t": "a", "n": 1}, {"t": None, "n": 2}, {"t": "b"}, {"n": 3, "t": ""}])
    return row


def random_rows(chance: random.Random, schema: Schema) -> dict[str, list[dict[str, Any]]]:
    known: dict[str, list[int]] = {"things": [], "others": [], "links": []}
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, most in (("others", 4), ("things", 10), ("links", 8)):
        tables[table] = []
        for key in range(1, chance.randint(2, most) + 1):
            tables[table].append(random_row(chance, schema, table, key, known))
            known[table].append(key)
    return tables


def random_caller(chance: random.Random) -> Caller:
    uid = chance.choice([None, *IDS, *IDS, "not-a-uuid", "", IDS[0].upper()])
    claims = {name: chance.choice(values) for name, values in CLAIMS.items() if chance.random() < 0.85}
    return Caller(uid, chance.choice(["authenticated", "editor"]), claims)


# ---------------------------------------------------------------- policies


def random_policy(chance: random.Random, schema: Schema, table: str = "things", depth: int = 3) -> Tree:
    if depth > 0 and chance.random() < 0.6:
        kind = chance.choice(("and", "or", "not", "not", "exists", "in query"))
        if kind == "not":
            return ("not", random_policy(chance, schema, table, depth - 1))
        if kind in ("and", "or"):
            return (kind, tuple(random_policy(chance, schema, table, depth - 1) for _ in range(chance.randint(2, 3))))
        query = _random_query(chance, schema, table, depth - 1)
        if query is not None:
            return query
    return _random_leaf(chance, schema, table)


def _random_query(chance: random.Random, schema: Schema, table: str, depth: int) -> Tree | None:
    other = chance.choice(list(KEYS))
    if chance.random() < 0.5:
        column, shown = chance.choice(schema.columns(table, "int")), chance.choice(schema.columns(other, "int"))
        return ("in query", column, other, shown, random_policy(chance, schema, other, depth))
    forward = [((own, "id"),) for own, target in KEYS[table].items() if target == other]
    backward = [(("id", theirs),) for theirs, target in KEYS[other].items() if target == table]
    pairs = chance.choice([*forward, *backward, ()])
    return ("exists", other, pairs, random_policy(chance, schema, other, depth))


def _random_leaf(chance: random.Random, schema: Schema, table: str) -> Tree:
    kind = chance.choice(
        ("compare",) * 6 + ("is null", "is not null", "in", "not in", "among", "bool", "json", "fixed", "caller")
    )
    column = chance.choice(schema.columns(table))
    its = schema.kinds[table, column]
    operators = ("==", "!=") if its in ("bool", "hue", "uuid") else ("==", "!=", "<", "<=", ">", ">=")
    match kind:
        case "compare":
            left, right = ("column", column), _random_operand(chance, schema, table, its)
            if chance.random() < 0.3:
                left, right = right, left
            return ("compare", chance.choice(operators), left, right)
        case "is null" | "is not null":
            return (kind, chance.choice([("column", column), ("uid",), ("claim", FITTING[its])]))
        case "in" | "not in":
            members = [chance.choice([*DOMAINS[its], None]) for _ in range(chance.randint(0, 3))]
            return (kind, column, tuple(members))
        case "among":
            return (kind, chance.choice(schema.columns(table, "int", "text", "uuid")), "list")
        case "bool":
            flags = schema.columns(table, "bool")
            return ("bool", chance.choice(flags)) if flags else ("true",)
        case "json":
            key = chance.choice("tn")
            return (
                kind,
                "doc",
                key,
                chance.choice(("==", "!=")),
                chance.choice(["a", ""]) if key == "t" else chance.choice([1, 2]),
            )
        case "caller":
            return chance.choice(
                [
                    ("compare", "==", ("role",), ("constant", "editor")),
                    (
                        "compare",
                        chance.choice((">=", "<", "==", "!=")),
                        ("claim", "n"),
                        ("constant", chance.choice([1, 2])),
                    ),
                    (
                        "compare",
                        chance.choice(("==", "!=")),
                        ("claim", "t"),
                        ("constant", chance.choice(["a", "2", ""])),
                    ),
                    ("compare", "==", ("claim", "b"), ("constant", chance.choice([True, False]))),
                ]
            )
        case _:
            return chance.choice([("true",), ("false",)])


def _random_operand(chance: random.Random, schema: Schema, table: str, kind: str) -> Tree:
    roll = chance.random()
    if roll < 0.35:
        return ("claim", FITTING[kind])
    if roll < 0.5 and kind in ("uuid", "text"):
        return ("uid",)
    if roll < 0.7:
        return ("column", chance.choice(schema.columns(table, kind)))
    return ("constant", chance.choice(DOMAINS[kind]))


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def as_expression(tree: Tree, row: Any, schema: Schema, inside: bool = False) -> Any:
    """The policy as an app's author would write it; `row` is the class, or an alias of it.

    A query asks the class itself; a query within a query asks an alias of it, as it must to be clear.
    """
    match tree:
        case ("true",):
            return sa.true()
        case ("false",):
            return sa.false()
        case ("and", parts):
            return sa.and_(*(as_expression(part, row, schema, inside) for part in parts))
        case ("or", parts):
            return sa.or_(*(as_expression(part, row, schema, inside) for part in parts))
        case ("not", part):
            return sa.not_(as_expression(part, row, schema, inside))
        case ("bool", column):
            return getattr(row, column)
        case ("compare", operator, left, right):
            return OPERATORS[operator](_operand(left, row), _operand(right, row))
        case ("is null", operand):
            return _operand(operand, row).is_(None)
        case ("is not null", operand):
            return _operand(operand, row).is_not(None)
        case ("in", column, constants):
            return getattr(row, column).in_(constants)
        case ("not in", column, constants):
            return getattr(row, column).not_in(constants)
        case ("among", column, name):
            return auth.is_among(getattr(row, column), name)
        case ("exists", other, pairs, inner):
            entity: Any = aliased(schema.classes[other]) if inside else schema.classes[other]
            joined = [getattr(entity, theirs) == getattr(row, own) for own, theirs in pairs]
            return sa.exists().where(*joined, as_expression(inner, entity, schema, inside=True)).select_from(entity)
        case ("in query", column, other, shown, inner):
            entity = aliased(schema.classes[other]) if inside else schema.classes[other]
            return getattr(row, column).in_(
                sa.select(getattr(entity, shown)).where(as_expression(inner, entity, schema, inside=True))
            )
        case ("json", column, key, operator, constant):
            member = getattr(row, column)[key]
            return OPERATORS[operator](
                member.as_string() if isinstance(constant, str) else member.as_integer(), constant
            )
        case _:
            raise AssertionError(tree)


def _operand(operand: Tree, row: Any) -> Any:
    match operand:
        case ("column", name):
            return getattr(row, name)
        case ("constant", value):
            return value
        case ("uid",):
            return auth.uid
        case ("role",):
            return auth.role
        case ("claim", name):
            return auth.claim(name)
        case _:
            raise AssertionError(operand)


def in_json(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a body has it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def as_attributes(schema: Schema, table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as an object of the session has it."""
    turn = {"uuid": uuid.UUID, "hue": Hue}
    return {
        name: turn[kind](value)
        if value is not None and (kind := schema.kinds.get((table, name), "")) in turn
        else value
        for name, value in row.items()
    }
