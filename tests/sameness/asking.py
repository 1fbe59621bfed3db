"""Random requests to the market: of every kind that the data API knows, sensible mostly, now and then wrong.

Where a request leaves the order of its rows open, `Asked.ordered` says so: each engine may then have its own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tests.api.scenario import Persona, Request, escaped
from tests.sameness.market import BEA_ID, CALLERS, CARL_ID, TABLES
from tests.sameness.values import BODY_VALUES, GOOD_BODY_VALUES, GOOD_TEXTS, PATHS, TEXT_VALUES, Kinds, kinds_of

EMBEDS: dict[str, Sequence[tuple[str, str, bool]]] = {
    "makers": (
        ("things!maker_id", "things", True), ("things!spare_maker_id", "things", True), ("boss", "makers", False), ("pages", "pages", True),
        ("makers!boss_id", "makers", True), ("boss_id", "makers", False),
    ),
    "things": (
        ("maker", "makers", False), ("spare", "makers", False), ("labels", "labels", True), ("thing_labels", "thing_labels", True),
        ("details", "details", False), ("reviews", "reviews", True), ("maker_id", "makers", False), ("makers!spare_maker_id", "makers", False),
        ("labels!thing_labels", "labels", True), ("labels", "labels", True),
    ),
    "labels": (("things", "things", True), ("thing_labels", "thing_labels", True)),
    "thing_labels": (("things", "things", False), ("labels", "labels", False)),
    "details": (("things", "things", False),),
    "slots": (("bookings", "bookings", True),),
    "bookings": (("slots", "slots", False),),
    "reviews": (("things", "things", False),),
    "pages": (("makers", "makers", False),),
    "vaults": (("things", "things", False),),
}  # fmt: skip
"""How to embed what: (the name in the request, the table, whether it is a list)."""
KEYS = {
    name: tuple(column.name for column in model.__table__.primary_key.columns)  # type: ignore[attr-defined]  # a Table
    for name, model in TABLES.items()
}


def keys_of(table: str) -> tuple[str, ...]:
    return KEYS.get(table, ("id",))


HIDDEN = {"things": {"sealed"}}
ODD_NAMES = ("nope", "rowid", "ctid", "sealed", "Id", "", "é", "a.b", "xmin", "oid", "things.id", "*")
CASTS = (
    "text", "int", "int2", "bigint", "numeric", "float", "real", "float8", "bool", "boolean", "json", "jsonb", "uuid", "date",
    "time", "timestamp", "timestamptz", "bytea", "interval", "varchar", "nope", "text[]", "int4",
)  # fmt: skip
ALIASES = ("x", "y", "id", '"a b"', "é")
FITTING: dict[Kinds, Sequence[str]] = {
    Kinds.number: ("text", "int", "bigint", "numeric", "float", "real", "int2"),
    Kinds.decimal: ("text", "int", "bigint", "numeric", "float", "real", "int2"),
    Kinds.float: ("text", "int", "bigint", "numeric", "float", "real", "int2"),
    Kinds.flag: ("text", "int", "bool"),
    Kinds.day: ("text", "date", "timestamp", "timestamptz"),
    Kinds.hour: ("text", "time", "interval"),
    Kinds.moment: ("text", "date", "time", "timestamp", "timestamptz"),
    Kinds.span: ("text", "interval", "time"),
    Kinds.json: ("text", "json", "jsonb"),
    Kinds.text: ("text", "text", "varchar", "int", "numeric", "date"),
    Kinds.uuid: ("text", "uuid"),
    Kinds.bytes: ("text", "bytea"),
}
"""Types that a kind becomes, mostly."""
NARROW = frozenset({"int", "int2", "bigint", "numeric", "real"})
ADDED_UP = frozenset({Kinds.number, Kinds.decimal})
"""What is added up without loss: the last digit of a sum of floats depends on their order."""
ORDERED = frozenset(Kinds) - {Kinds.json, Kinds.bytes}
AGGREGATES = ("count", "min", "max", "sum", "avg")
WORDS = (
    "cat",
    "cats",
    "run",
    "dog",
    "dogs",
    "the",
    "fat & rat",
    "fat rat",
    '"fat cat"',
    "cat or dog",
    "-cat",
    "sat | mat",
    "!dog",
    "mat <-> ate",
    "example.com",
    "café",
    "3.14",
    "(",
    "running:*",
    "'a b'",
    "",
)
PATTERNS = (
    "^a",
    "a$",
    "h.llo",
    "(hello|abc)",
    "[a-c]+",
    "\\d",
    "",
    "(",
    "é",
    "w\\w",
    "^$",
    "H",
    "a{2}",
    "x*",
    "\\mcat\\M",
    "(?i)HELLO",
    "[[:alpha:]]",
    ".",
    "\\y",
    "a|b",
    "[^a]",
)
LIKES = (
    "*",
    "*a*",
    "h*",
    "%",
    "_",
    "__c",
    "*\\%*",
    "a\\",
    "HELLO",
    "*é*",
    "*Å*",
    "*å*",
    "",
    "*[a]*",
    "*?*",
    "*\\*",
    "hello",
    "\\h*",
    "*ß*",
    "a,b",
    "*\n*",
)


class Asked(NamedTuple):
    """A request, who asks, and whether it says in which order its rows are to come."""

    request: Request
    who: Persona
    ordered: bool = True
    counts: str | None = None
    """The table whose rows the database is to number."""


class Asker:
    """Makes requests out of chance; `odd` is how often a name, an operator or a value means nothing there."""

    def __init__(self, chance: random.Random, *, odd: float = 0.01, writes: float = 0.3) -> None:
        self._chance = chance
        self._odd = odd
        self._writes = writes
        self._fresh = 1000
        self._ordered = True
        self._paged = True
        self._embeds: list[tuple[str, str, bool]] = []
        self._plain: list[str] = []
        self._grouped = False

    def next(self) -> Asked:
        """The next request."""
        self._ordered, self._paged, self._embeds, self._plain, self._grouped = True, True, [], [], False
        who = self._chance.choice(CALLERS)
        if self._chance.random() < self._writes:
            return self._write(who)
        kind = self._chance.choices(("read", "call", "other"), (85, 14, 1))[0]
        if kind == "read":
            return self._read(who)
        return self._call(who) if kind == "call" else self._other(who)

    def _is_odd(self) -> bool:
        return self._chance.random() < self._odd

    def _maybe(self, share: float) -> bool:
        return self._chance.random() < share

    # --- reads ---

    def _read(self, who: Persona) -> Asked:
        table = self._table()
        method = "HEAD" if self._maybe(0.05) else "GET"
        parameters = self._parameters(table)
        return Asked(Request(method, target(table, parameters), self._headers()), who, self._ordered)

    def _parameters(self, table: str) -> list[str]:
        chance = self._chance
        found = [f"select={','.join(self._select(table, 2, ''))}"] if self._maybe(0.85) else []
        if not found:
            self._plain = []
        found += [self._filter(table, "=") for _ in range(chance.choice((0, 0, 1, 1, 2)))]
        if self._maybe(0.2):
            found.append(self._tree(table, "="))
        for path, child, many in self._embeds:
            found += self._below(path, child, many=many)
        found += self._order(table)
        if self._ordered and self._paged and self._maybe(0.25):
            found.append(f"limit={chance.choice((0, 1, 2, 5, 1000))}")
        if self._ordered and self._paged and self._maybe(0.15):
            found.append(f"offset={chance.choice((0, 1, 3, 50))}")
        return found

    def _below(self, path: str, child: str, *, many: bool) -> list[str]:
        """What is said of an embed from outside."""
        found = []
        if many:
            terms = [self._order_term(child)] if self._maybe(0.4) else []
            found.append(f"{path}.order={','.join([*terms, *keys_of(child)])}")
            if self._paged and self._maybe(0.2):
                found.append(f"{path}.limit={self._chance.choice((0, 1, 2))}")
            if self._paged and self._maybe(0.1):
                found.append(f"{path}.offset={self._chance.choice((0, 1))}")
        if self._maybe(0.3):
            found.append(f"{path}.{self._filter(child, '=')}")
        if self._maybe(0.08):
            found.append(f"{path}.{self._tree(child, '=')}")
        if self._maybe(0.15) and "." not in path:
            found.append(f"{path}={self._chance.choice(('is.null', 'not.is.null', 'is.not_null', 'not.is.not_null'))}")
        return found

    def _order(self, table: str) -> list[str]:
        if self._grouped:
            # Groups have an order only by what they are grouped by.
            terms = [name + self._direction() for name in self._plain]
            self._ordered = self._ordered and bool(terms or not self._embeds)
            return [f"order={','.join(terms)}"] if terms and self._maybe(0.9) else self._unordered()
        if self._maybe(0.05):
            return self._unordered()
        terms = [self._order_term(table) for _ in range(self._chance.choice((0, 0, 1, 2)))]
        ones = [path for path, _, many in self._embeds if not many and "." not in path]
        if ones and self._maybe(0.3):
            path = self._chance.choice(ones)
            child = next(child for name, child, _ in self._embeds if name == path)
            terms.insert(0, f"{path}({self._column(child)}){self._direction()}")
        return [f"order={','.join([*terms, *keys_of(table)])}"]

    def _unordered(self) -> list[str]:
        self._ordered = False
        return []

    def _order_term(self, table: str) -> str:
        column = self._column(table)
        if column in PATHS and self._maybe(0.5):
            column += self._chance.choice(PATHS[column])
        return column + self._direction()

    def _direction(self) -> str:
        return self._chance.choice(
            ("", ".asc", ".desc", ".nullsfirst", ".nullslast", ".desc.nullslast", ".asc.nullsfirst")
        )

    def _select(self, table: str, depth: int, path: str) -> list[str]:
        chance = self._chance
        items: list[str] = []
        grouped = self._maybe(0.15)
        for _ in range(chance.randint(1, 4)):
            roll, column = chance.random(), self._column(table)
            if grouped and roll < 0.5:
                items.append(self._aggregate(table, column))
                self._grouped = self._grouped or not path
                self._ordered = self._ordered and not path
            elif grouped and not path:
                items.append(column)
                self._plain.append(column)
            elif roll < 0.1:
                items.append("*")
            elif roll < 0.3 and column in PATHS:
                path_ = chance.choice(PATHS[column])
                kind = Kinds.text if "->>" in path_ else Kinds.json
                items.append(column + path_ + (self._cast(kind) if self._maybe(0.2) else ""))
            elif roll < 0.4:
                items.append(column + self._cast(kinds_of(table).get(column)))
            elif roll < 0.5:
                items.append(f"{chance.choice(ALIASES)}:{column}")
            else:
                items.append(column)
        if depth and not (grouped and self._maybe(0.8)):
            items += [self._embed(table, depth, path) for _ in range(chance.choice((0, 0, 1, 1, 2)))]
        return items

    def _aggregate(self, table: str, column: str) -> str:
        if self._maybe(0.2):
            return self._chance.choice(("count()", "n:count()", "count()::text"))
        kind = kinds_of(table).get(column, Kinds.text)
        cast = "::numeric" if kind is Kinds.float else ""
        known = AGGREGATES if kind in ADDED_UP or cast else AGGREGATES[:3] if kind in ORDERED else AGGREGATES[:1]
        if kind is Kinds.span or self._is_odd():
            known = AGGREGATES
        alias = self._chance.choice(("", "", "agg:", f"{column}:"))
        return f"{alias}{column}{cast}.{self._chance.choice(known)}()" + (self._cast() if self._maybe(0.1) else "")

    def _cast(self, kind: Kinds | None = None) -> str:
        if kind is None or self._is_odd():
            return "::" + self._chance.choice(CASTS if self._is_odd() else ("text",))
        # Two casts that fail in one row are told of in each engine's own order.
        name = self._chance.choice(FITTING.get(kind, ("text",)) if self._paged else ("text",))
        if name in NARROW:
            # What does not fit is refused where it is met: on which page, each engine has its own way.
            self._paged = False
        return f"::{name}"

    def _embed(self, table: str, depth: int, path: str) -> str:
        chance = self._chance
        name, child, many = chance.choice(EMBEDS.get(table, (("things", "things", True),)))
        spread = self._maybe(0.2)
        alias = "" if spread else chance.choice(("", "", f"e{depth}:"))
        join = chance.choice(("", "", "!inner", "!left"))
        below = f"{path}{alias.rstrip(':') or name.split('!')[0]}"
        self._embeds.append((below, child, many))
        inner = self._select(child, depth - 1, below + ".") if self._maybe(0.93) else []
        return f"{'...' if spread else alias}{name}{join}({','.join(inner)})"

    # --- filters ---

    def _tree(self, table: str, joint: str, depth: int = 2) -> str:
        word = self._chance.choice(("and", "or", "not.and", "not.or"))
        terms = [
            self._tree(table, "", depth - 1) if depth and self._maybe(0.25) else self._filter(table, ".")
            for _ in range(self._chance.randint(1, 3))
        ]
        return f"{word}{joint}({','.join(terms)})"

    def _filter(self, table: str, joint: str) -> str:
        column = self._column(table)
        kind = kinds_of(table).get(column, Kinds.text)
        if column in PATHS and self._maybe(0.7):
            column += self._chance.choice(PATHS[column])
            kind = Kinds.text if "->>" in column else Kinds.json
        if self._maybe(0.02):
            kind = self._chance.choice(list(Kinds))
        no = self._chance.choice(("", "", "", "not."))
        operator, value = self._test(kind)
        if joint == "." and not operator.startswith(("in", "is")):
            value = json.dumps(value, ensure_ascii=False) if self._maybe(0.95) else value
        return f"{column}{joint}{no}{operator}.{escaped(value)}"

    def _test(self, kind: Kinds) -> tuple[str, str]:
        chance = self._chance
        roll = chance.random()
        value: Callable[[], str] = lambda: chance.choice((GOOD_TEXTS if self._maybe(0.95) else TEXT_VALUES)[kind])  # noqa: E731  # said where it is used
        if self._is_odd():
            value = lambda: chance.choice(TEXT_VALUES[chance.choice(list(Kinds))])  # noqa: E731
        if roll < 0.15:
            words = ("null", "not_null", "true", "false", "unknown", "NULL", "nope")
            known = words[:6] if kind is Kinds.flag else words if self._maybe(0.05) else words[:2]
            return "is", chance.choice(known)
        if roll < 0.28:
            members = [value() for _ in range(chance.randint(0, 3))]
            return "in", f"({','.join(json.dumps(each, ensure_ascii=False) for each in members)})"
        if roll < 0.4 and (kind is Kinds.text or self._maybe(0.2)):
            word = chance.choice(("like", "ilike"))
            if self._maybe(0.2):
                return f"{word}({chance.choice(('any', 'all'))})", literal([chance.choice(LIKES) for _ in range(2)])
            return word, chance.choice(LIKES)
        if roll < 0.48 and (kind is Kinds.text or self._maybe(0.04)):
            word = chance.choice(("match", "imatch"))
            if self._maybe(0.2):
                return f"{word}({chance.choice(('any', 'all'))})", literal([chance.choice(PATTERNS) for _ in range(2)])
            return word, chance.choice(PATTERNS)
        if roll < 0.56 and (kind is Kinds.text or self._maybe(0.04)):
            word = chance.choice(("fts", "plfts", "phfts", "wfts"))
            return word + chance.choice(
                ("", "", "", "(english)", "(english)", "(simple)", "(simple)", "(german)")
                if not self._is_odd()
                else ("(nope)",)
            ), chance.choice(WORDS)
        if (roll < 0.6 and kind is Kinds.json) or self._maybe(0.01):
            return chance.choice(("cs", "cd")), value()
        if self._maybe(0.01):
            return chance.choice(("ov", "sl", "sr", "nxr", "nxl", "adj", "cs")), chance.choice(("{a}", "[1,2)", "x"))
        if self._maybe(0.12):
            word = chance.choice(("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct"))
            members = [value() for _ in range(chance.randint(0, 3))]
            return f"{word}({chance.choice(('any', 'all'))})", literal(members)
        return chance.choice(("eq", "eq", "neq", "gt", "gte", "lt", "lte", "isdistinct")), value()

    # --- calls ---

    def _call(self, who: Persona) -> Asked:
        chance = self._chance
        name = chance.choice(
            (
                "all_things",
                "one_thing",
                "dear_things",
                "echo",
                "echo",
                "stored",
                "found",
                "review",
                "rename",
                "drop",
                "refuse",
                "nothing",
                "nope",
            )
        )
        arguments = {key: chance.choice(values) for key, values in ARGUMENTS.get(name, {}).items() if self._maybe(0.9)}
        if name == "review" and "id" in arguments:
            arguments["id"] = self._number()
        if self._is_odd():
            arguments["nope"] = 1
        parameters: list[str] = []
        if name in ("all_things", "one_thing", "dear_things") and self._maybe(0.6):
            # What was found is in the order in which it was found.
            parameters = self._parameters("things")
        if self._maybe(0.5) and name not in ("review", "rename", "drop"):
            said = [f"{escaped(key)}={escaped(_argument(value))}" for key, value in arguments.items()]
            return Asked(
                Request("GET", target(f"rpc/{name}", [*said, *parameters]), self._headers()), who, self._ordered
            )
        headers = (*self._headers(), ("content-type", "application/json"), self._undone())
        body = json.dumps(arguments).encode()
        return Asked(Request("POST", target(f"rpc/{name}", parameters), headers, body), who, self._ordered)

    def _other(self, who: Persona) -> Asked:
        table = self._table()
        method, path = self._chance.choice(
            (("OPTIONS", f"/rest/v1/{table}"), ("GET", "/rest/v1/"), ("OPTIONS", "/rest/v1/rpc/echo"))
        )
        return Asked(Request(method, path), who)

    # --- writes ---

    def _write(self, who: Persona) -> Asked:
        table = self._table()
        verb = self._chance.choice(("POST", "POST", "PATCH", "PATCH", "upsert", "PUT", "DELETE"))
        prefer = [f"return={self._chance.choice(('minimal', 'representation', 'representation', 'headers-only'))}"]
        if self._maybe(0.3):
            prefer.append("count=exact")
        if self._maybe(0.1):
            prefer.append(f"handling=strict, max-affected={self._chance.choice((0, 1, 3))}")
        if self._maybe(0.15):
            prefer.append("missing=default")
        found, numbers, rows = self._rows(table, verb)
        parameters = []
        if verb in ("PATCH", "DELETE"):
            parameters = [self._filter(table, "=") for _ in range(self._chance.choice((1, 1, 2)))]
            self._ordered = False
        if verb == "PUT":
            key = keys_of(table)
            values = [rows[0].get(name) if isinstance(rows[0], dict) else 1 for name in key]
            parameters = [f"{name}=eq.{escaped(_argument(value))}" for name, value in zip(key, values, strict=True)]
        if verb == "upsert":
            prefer.append(
                f"resolution={self._chance.choice(('merge-duplicates', 'merge-duplicates', 'ignore-duplicates'))}"
            )
            if self._maybe(0.3):
                parameters.append(
                    f"on_conflict={self._chance.choice((','.join(keys_of(table)), 'name', self._column(table)))}"
                )
        if verb in ("POST", "upsert") and self._maybe(0.15) and isinstance(rows[0], dict):
            parameters.append(f"columns={','.join(list(rows[0])[: self._chance.randint(1, 5)])}")
        if self._maybe(0.4):
            self._plain, self._grouped = [], False
            parameters.append("select=" + ",".join(self._select(table, 1, "")))
            for path, child, many in self._embeds:
                if many:
                    parameters.append(f"{path}.order={','.join(keys_of(child))}")
            self._ordered = self._ordered and not self._grouped
        headers: list[tuple[str, str]] = [("prefer", ", ".join(prefer)), self._undone()]
        if self._maybe(0.2):
            headers.append(("accept", self._chance.choice(MEDIA)))
        body = b""
        if verb != "DELETE":
            kind, body = self._body(found, rows)
            headers.append(("content-type", kind))
        method = "POST" if verb == "upsert" else verb
        request = Request(method, target(table, parameters), tuple(headers), body)
        return Asked(request, who, self._ordered, table if numbers else None)

    def _undone(self) -> tuple[str, str]:
        return ("prefer", f"tx={'rollback' if self._maybe(0.7) else 'commit'}")

    def _rows(self, table: str, verb: str) -> tuple[list[str], bool, list[Any]]:
        """(columns, whether the database is to number the rows, the rows)"""
        chance, kinds = self._chance, kinds_of(table)
        keys, numbered = keys_of(table), keys_of(table) == ("id",)
        others = [name for name in kinds if name not in keys]
        columns = chance.sample(others, min(len(others), chance.randint(1, 5)))
        if table == "reviews" and self._maybe(0.8):
            columns = [name for name in columns if name != "author_id"]
        if self._is_odd():
            columns.append(chance.choice(ODD_NAMES))
        required = [
            c.name
            for c in TABLES.get(table, TABLES["things"]).__table__.columns
            if not c.nullable and c.name not in keys and c.default is None and c.server_default is None
        ]
        if self._maybe(0.9) and verb != "PATCH":
            columns += [name for name in required if name not in columns]
        numbers = numbered and verb == "POST" and self._maybe(0.3)
        with_keys = not numbers and (verb != "PATCH" or self._maybe(0.1))
        named = [*keys, *columns] if with_keys else columns
        rows: list[Any] = [
            {name: self._body_value(table, name, verb) for name in named}
            for _ in range(1 if verb in ("PATCH", "PUT") else chance.choice((1, 1, 1, 2, 3)))
        ]
        if len(rows) > 1 and self._maybe(0.1) and len(named) > 1:
            del rows[1][named[-1]]
        return named, numbers, rows

    def _body_value(self, table: str, column: str, verb: str) -> Any:
        chance = self._chance
        kind = kinds_of(table).get(column, Kinds.text)
        if column == "id":
            return (
                chance.randint(1, 7)
                if (verb in ("upsert", "PUT") and self._maybe(0.6)) or self._maybe(0.05)
                else self._number()
            )
        if column.endswith("_id") and kind is Kinds.number:
            return chance.choice((None, 1, 2, 3, 4, 5, 6, 99)) if self._maybe(0.95) else "x"
        if kind is Kinds.user:
            return chance.choice((BEA_ID, BEA_ID, CARL_ID, CARL_ID, None))
        if column == "name" and self._maybe(0.6):
            return f"n{self._number()}"
        if column == "land":
            return chance.choice(("at", "Ö", "hidden", None))
        if column == "text":
            return chance.choice(("refuse", "date it", "look around", " x ", None, "é", ""))
        if column == "stars":
            return chance.choice((1, 2, 5, 5, 0, 6, None))
        if column in ("public", "open") and self._maybe(0.95):
            return chance.choice((True, False))
        if self._is_odd():
            kind = chance.choice(list(Kinds))
        return chance.choice((GOOD_BODY_VALUES if self._maybe(0.97) else BODY_VALUES)[kind])

    def _number(self) -> int:
        self._fresh += 1
        return self._fresh

    def _body(self, columns: Sequence[str], rows: Sequence[Any]) -> tuple[str, bytes]:
        chance = self._chance
        if self._is_odd():
            return chance.choice(
                (
                    ("application/json", b"{"),
                    ("application/json", b"[]"),
                    ("text/csv", b"a,b\n1"),
                    ("x/y", b"1"),
                    ("application/json", b"[1]"),
                    ("application/json", b'[{"id":1},{}]'),
                    ("text/csv", b""),
                )
            )
        if self._maybe(0.1) and len({tuple(row) for row in rows}) == 1:
            lines = [",".join(columns), *(",".join(_csv(row[name]) for name in columns) for row in rows)]
            return "text/csv", "\n".join(lines).encode()
        return "application/json", written(rows[0] if len(rows) == 1 and self._maybe(0.6) else list(rows)).encode()

    # --- parts ---

    def _headers(self) -> tuple[tuple[str, str], ...]:
        chance, headers = self._chance, []
        if self._maybe(0.3):
            headers.append(("prefer", f"count={chance.choice(('exact', 'exact', 'planned', 'estimated'))}"))
        if self._maybe(0.25):
            headers.append(("accept", chance.choice(MEDIA)))
        if self._ordered and self._paged and self._maybe(0.08):
            headers.append(("range", "5-2" if self._is_odd() else chance.choice(("0-1", "1-", "0-0", "2-50"))))
        return tuple(headers)

    def _table(self) -> str:
        if self._is_odd():
            return self._chance.choice(("vaults", "nope", "thing", "users", "pg_class", "sqlite_master"))
        return self._chance.choice(("things",) * 6 + tuple(name for name in TABLES if name != "vaults"))

    def _column(self, table: str) -> str:
        if self._is_odd() or table not in TABLES:
            return self._chance.choice(ODD_NAMES)
        return self._chance.choice([name for name in kinds_of(table) if name not in HIDDEN.get(table, ())])


MEDIA = (
    "application/json", "text/csv", "text/csv", "application/vnd.pgrst.object+json", "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped", "*/*", "text/html",
)  # fmt: skip
ARGUMENTS: dict[str, dict[str, Sequence[Any]]] = {
    "one_thing": {"id": (1, 2, 3, 4, 7, 99, "x", None)},
    "dear_things": {"least": ("0", "9.9", 10, "x", 1e30, "NaN")},
    "echo": {
        "text": ("", "é", "\x00", 1, None, "a\nb"), "number": (0, 2**70, -1, "5", 1.5, "x", True), "price": ("1.50", 1.5, "1e5", "NaN", 10**30),
        "key": (BEA_ID, "x", None), "moment": ("2026-01-02T03:04:05+02:00", "2026-01-02", 5, "x"), "day": ("2024-02-29", "2023-02-29"),
        "list_": ([1, 2], "{1,2}", [], ["x"]), "any_": (None, 1, {"a": [1, None]}, "x", 1e300),
    },
    "stored": {"column": ("flag", "small", "big", "money", "exact", "plain", "wide", "narrow", "said", "at", "local", "day", "hour", "span", "uid", "their_uid", "raw", "doc", "their_doc", "tags", "colour", "word", "sealed", "short", "public")},
    "found": {"day": ("2024-02-29", "0001-01-01"), "moment": ("2024-01-02T03:04:05Z", "2024-01-02T04:04:05+01:00"), "price": ("9.5", "10"), "wide": (0.1, 1, 1e10)},
    "review": {"id": (0,), "stars": (1, 3, 9, "x"), "text": ("x", "refuse", "date it", "look around", None)},
    "rename": {"id": (1, 3, 7, 2, 99), "name": ("x", "too long a name", "é")},
    "drop": {"id": (1, 2, 3, 7, 99)},
    "refuse": {"code": ("P0001", "23505", "PT418", "42501")},
}  # fmt: skip


def target(path: str, parameters: Sequence[str]) -> str:
    return f"/rest/v1/{path}?{'&'.join(parameters)}" if parameters else f"/rest/v1/{path}"


def written(value: Any) -> str:
    """A value as JSON, with decimals as numbers of all their digits."""
    match value:
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{written(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ",".join(written(each) for each in value) + "]"
        case Decimal():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def literal(members: Sequence[str]) -> str:
    """An array literal, as PostgreSQL reads it."""
    return "{" + ",".join('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in members) + "}"


def _argument(value: Any) -> str:
    return value if isinstance(value, str) else written(value)


def _csv(value: Any) -> str:
    if value is None:
        return "NULL"
    text = _argument(value)
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text
