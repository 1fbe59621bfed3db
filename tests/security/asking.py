"""Random requests to the world of this ring: mostly sensible, of every kind that the data API knows, now and then wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.api.scenario import Request, escaped
from tests.security.world import BEA_ID, CARL_ID, HIDDEN, TABLES

EMBEDS: Mapping[str, Sequence[tuple[str, str]]] = {
    "teams": (("notes", "notes"), ("members", "members"), ("seats", "seats")),
    "members": (("teams", "teams"),),
    "seats": (("teams", "teams"),),
    "notes": (
        ("team", "teams"), ("teams", "teams"), ("parent_id", "notes"), ("notes!parent_id", "notes"), ("vaults", "vaults"),
        ("labels", "labels"), ("note_labels", "note_labels"), ("remarks", "remarks"), ("tokens", "tokens"), ("labels!note_labels", "labels"),
    ),
    "vaults": (("notes", "notes"), ("tokens", "tokens"), ("note_id", "notes")),
    "labels": (("notes", "notes"), ("note_labels", "note_labels")),
    "note_labels": (("notes", "notes"), ("labels", "labels")),
    "remarks": (("notes", "notes"),),
    "tokens": (("notes", "notes"), ("vaults", "vaults")),
    "codes": (),
    "inbox": (),
}  # fmt: skip
"""How to embed what: (the name in the request, the table)."""
ODD_NAMES = (
    "nope",
    "rowid",
    "secret",
    "sealed",
    "motto",
    "pin",
    "code",
    "token",
    "id ",
    "Id",
    "",
    "é",
    "a.b",
    "*",
    "t0",
    "notes.id",
)
MEDIA = (
    "application/json",
    "text/csv",
    "application/vnd.pgrst.object+json",
    "application/vnd.pgrst.array+json;nulls=stripped",
    "*/*",
    "text/html",
)
FUNCTIONS = (
    "all_notes",
    "handed_out",
    "one_note",
    "note_ids",
    "given_keys",
    "for_auditors",
    "for_the_service",
    "retitle",
    "write_note",
    "nope",
)
WRITABLE: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "notes": {"title": ("x", "zqx7_s_x", ""), "body": (None, "y"), "rating": (None, 1.5, "x"), "mood": ("calm", None), "meta": ({"k": 1}, None), "is_public": (True, False), "owner_id": (BEA_ID, CARL_ID, None)},
    "remarks": {"text": ("x", " y ", "look around")},
    "members": {"duty": ("mate", "chief")},
    "seats": {"user_id": (BEA_ID, CARL_ID)},
    "inbox": {"text": ("x",)},
    "codes": {"label": ("x",)},
    "labels": {"name": ("x",), "is_open": (True,)},
    "teams": {"name": ("x",), "rank": (1,)},
    "vaults": {"name": ("x",)},
    "note_labels": {"is_shown": (True, False)},
    "tokens": {"token": ("x",)},
}  # fmt: skip
"""What a write may set without naming keys: those tell whether a key is taken, as in PostgreSQL."""


class Asker:
    """Makes requests out of chance and of `values`, the values that may be asked for."""

    def __init__(self, chance: random.Random, values: Sequence[Any], *, odd: float = 0.01) -> None:
        """`odd` is how often a single name, operator or cast is one that means nothing there."""
        self._chance = chance
        self._values = values
        self._odd = odd

    def _is_odd(self) -> bool:
        return self._chance.random() < self._odd

    def request(self) -> Request:
        kind = self._chance.choices(("read", "call", "write", "options", "root"), (70, 8, 18, 3, 1))[0]
        return {
            "read": self._read,
            "call": self._call,
            "write": self._write,
            "options": self._options,
            "root": self._root,
        }[kind]()

    # --- requests ---

    def _read(self) -> Request:
        table = self._table()
        parameters = self._parameters(table)
        method = self._chance.choices(("GET", "HEAD"), (9, 1))[0]
        return Request(method, f"/rest/v1/{table}?{'&'.join(parameters)}", self._headers())

    def _parameters(self, table: str) -> list[str]:
        chance, parameters = self._chance, []
        embeds: list[tuple[str, str]] = []
        if chance.random() < 0.8:
            parameters.append("select=" + ",".join(self._select(table, embeds, 2)))
        parameters.extend(self._filter(table, "=") for _ in range(chance.choice((0, 0, 1, 1, 2))))
        if chance.random() < 0.25:
            word = chance.choice(("and", "or", "not.and", "not.or"))
            parameters.append(f"{word}=({','.join(self._term(table, 2) for _ in range(chance.randint(1, 3)))})")
        for name, target in embeds:
            if chance.random() < 0.3:
                parameters.append(f"{name}.{self._filter(target, '=')}")
            if chance.random() < 0.2:
                parameters.append(f"{name}={chance.choice(('is.null', 'not.is.null'))}")
            if chance.random() < 0.2:
                parameters.append(f"{name}.order={self._column(target)}.{chance.choice(('asc', 'desc'))}")
            if chance.random() < 0.1:
                parameters.append(f"{name}.limit={chance.randint(0, 3)}")
        if chance.random() < 0.5:
            terms = [
                self._column(table) + chance.choice(("", ".desc", ".nullsfirst", ".asc.nullslast"))
                for _ in range(chance.randint(1, 2))
            ]
            if embeds and chance.random() < 0.4:
                name, target = chance.choice(embeds)
                terms.append(f"{name}({self._column(target)}){chance.choice(('', '.desc'))}")
            parameters.append("order=" + ",".join(terms))
        if chance.random() < 0.3:
            parameters.append(f"limit={chance.choice((0, 1, 2, 5, 1000))}")
        if chance.random() < 0.2:
            parameters.append(f"offset={chance.choice((0, 1, 3, 50))}")
        return parameters

    def _call(self) -> Request:
        chance, name = self._chance, self._chance.choice(FUNCTIONS)
        arguments: dict[str, Any] = {}
        if name in ("one_note", "retitle"):
            arguments["id"] = chance.choice((10, 20, 30, 40, 31, "x", None))
        if name in ("retitle", "write_note"):
            arguments["title"] = "x"
        shape = (
            self._parameters("notes")
            if chance.random() < 0.5 and name in ("all_notes", "handed_out", "one_note")
            else []
        )
        if chance.random() < 0.5 and name not in ("retitle", "write_note"):
            shape += [f"{key}={escaped(str(value))}" for key, value in arguments.items()]
            return Request("GET", f"/rest/v1/rpc/{name}?{'&'.join(shape)}", self._headers())
        body = json.dumps(arguments).encode()
        undo = ("prefer", "tx=rollback")
        return Request(
            "POST",
            f"/rest/v1/rpc/{name}?{'&'.join(shape)}",
            (*self._headers(), ("content-type", "application/json"), undo),
            body,
        )

    def _write(self) -> Request:
        chance, table = self._chance, self._table()
        method = chance.choice(("POST", "PATCH", "PATCH", "DELETE"))
        known = WRITABLE.get(table, {"x": (1,)})
        columns = chance.sample(list(known), chance.randint(1, len(known)))
        rows = [{column: chance.choice(known[column]) for column in columns} for _ in range(chance.choice((1, 1, 2)))]
        if chance.random() < 0.1:
            rows[0][chance.choice(ODD_NAMES)] = "x"
        parameters = [self._filter(table, "=") for _ in range(chance.randint(1, 2))] if method != "POST" else []
        if chance.random() < 0.4:
            parameters.append("select=" + ",".join(self._select(table, [], 1)))
        prefer = [
            "tx=rollback",
            f"return={chance.choice(('minimal', 'representation', 'representation', 'headers-only'))}",
        ]
        if chance.random() < 0.3:
            prefer.append("count=exact")
        headers = (
            ("prefer", ", ".join(prefer)),
            ("content-type", "application/json"),
            ("accept", chance.choice(MEDIA[:3])),
        )
        body = b"" if method == "DELETE" else json.dumps(rows if method == "POST" else rows[0]).encode()
        return Request(method, f"/rest/v1/{table}?{'&'.join(parameters)}", headers, body)

    def _options(self) -> Request:
        return Request(
            "OPTIONS", f"/rest/v1/{self._chance.choice((self._table(), 'rpc/' + self._chance.choice(FUNCTIONS)))}"
        )

    def _root(self) -> Request:
        return Request("GET", "/rest/v1/")

    # --- their parts ---

    def _headers(self) -> tuple[tuple[str, str], ...]:
        chance, headers = self._chance, []
        if chance.random() < 0.4:
            headers.append(("prefer", f"count={chance.choice(('exact', 'planned', 'estimated'))}"))
        if chance.random() < 0.3:
            headers.append(("accept", chance.choice(MEDIA if self._is_odd() else MEDIA[:2])))
        if chance.random() < 0.1:
            headers.append(("range", "5-2" if self._is_odd() else chance.choice(("0-1", "1-", "0-0"))))
        return tuple(headers)

    def _table(self) -> str:
        if self._is_odd():
            return self._chance.choice(("tokens", "audit", "users", "nope", "note", "sqlite_master", "auth.users"))
        return self._chance.choice(("notes",) * 6 + ("vaults",) * 2 + tuple(TABLES))

    def _column(self, table: str) -> str:
        if self._is_odd() or table not in TABLES:
            return self._chance.choice(ODD_NAMES)
        columns = TABLES[table].__table__.c.keys()
        return str(self._chance.choice([c for c in columns if c not in HIDDEN.get(table, ()) or self._is_odd()]))

    def _select(self, table: str, embeds: list[tuple[str, str]], depth: int) -> list[str]:
        chance, items = self._chance, []
        for _ in range(chance.randint(1, 3)):
            roll = chance.random()
            column = self._column(table)
            if roll < 0.12:
                items.append("*")
            elif roll < 0.16:
                items.append(chance.choice(("count()", f"{column}.max()", f"{column}.count()", "total:id.sum()")))
            elif roll < 0.3 and table == "notes":
                items.append("meta" + chance.choice(("->k", "->>k", "->n", "->deep->list->0", "->>nope")))
            elif roll < 0.4:
                items.append(column + ("::nope" if self._is_odd() else chance.choice(("::text", "::int", "::float"))))
            elif roll < 0.5:
                items.append(f"{chance.choice(('x', 'y', 'id'))}:{column}")
            else:
                items.append(column)
        if depth and chance.random() < 0.6 and EMBEDS.get(table):
            name, target = chance.choice(EMBEDS[table])
            alias = chance.choice(("", "", "e:"))
            spread = chance.choice(("", "", "", "..."))
            join = chance.choice(("", "", "!inner", "!left")) if "!" not in name else ""
            inner = self._select(target, [], depth - 1) if chance.random() < 0.9 else []
            items.append(f"{spread}{alias if not spread else ''}{name}{join}({','.join(inner)})")
            if not spread:
                embeds.append((alias.rstrip(":") or name.split("!")[0], target))
        return items

    def _term(self, table: str, depth: int) -> str:
        if depth and self._chance.random() < 0.3:
            return f"{self._chance.choice(('and', 'or', 'not.and'))}({','.join(self._term(table, depth - 1) for _ in range(2))})"
        return self._filter(table, ".")

    def _filter(self, table: str, joint: str) -> str:
        chance, column = self._chance, self._column(table)
        if column == "meta":
            column += chance.choice(("->>k", "->n", "->>nope", "->deep->list->>0"))
        no = chance.choice(("", "", "not."))
        kind = "text" if "->" in column else _kind_of(column)
        roll = chance.random()
        if roll < 0.2 or kind == "flag":
            words = ("true", "false", "unknown", "null") if kind == "flag" or self._is_odd() else ("null", "not_null")
            return f"{column}{joint}{no}is.{chance.choice(words)}"
        if roll < 0.4:
            text = str(chance.choice(self._values))
            pattern = chance.choice((f"*{text[:6]}*", text[:9] + "*", "zqx7_*", "*_", "*", "%25", text))
            return f"{column}{joint}{no}{chance.choice(('like', 'ilike'))}.{_quoted(pattern, joint)}"
        if roll < 0.5:
            members = ",".join(json.dumps(str(self._value(kind))) for _ in range(chance.randint(0, 3)))
            return f"{column}{joint}{no}in.({escaped(members)})"
        if roll < 0.55:
            return f"{column}{joint}{no}eq(any).{escaped('{' + str(self._value(kind)) + '}')}"
        operators = (
            ("fts", "cs", "nope") if self._is_odd() else ("eq", "neq", "gt", "gte", "lt", "lte", "isdistinct", "eq")
        )
        return f"{column}{joint}{no}{chance.choice(operators)}.{_quoted(str(self._value(kind)), joint)}"

    def _value(self, kind: str) -> Any:
        if self._is_odd():
            kind = "text"
        match kind:
            case "number":
                return self._chance.choice((10, 20, 30, 40, 60, 70, 900, 1, 2, 31, 100, 0))
            case "user":
                return self._chance.choice((BEA_ID, CARL_ID))
            case "moment":
                return self._chance.choice(("2026-03-31T12:00:00Z", "2026-06-01", "2030-01-01T00:00:00+01:00"))
            case "mood":
                return self._chance.choice(("calm", "angry"))
            case _:
                return self._chance.choice([value for value in self._values if isinstance(value, str)])


def _kind_of(column: str) -> str:
    if column in ("owner_id", "user_id", "edited_by"):
        return "user"
    if column.endswith("id") or column in ("rank", "rating"):
        return "number"
    if column.startswith("is_"):
        return "flag"
    return {"seen_at": "moment", "mood": "mood"}.get(column, "text")


def _quoted(text: str, joint: str) -> str:
    """A value; inside a logic tree it stands between quotes."""
    return escaped(json.dumps(text, ensure_ascii=False) if joint == "." else text)
