"""Reads the CREATE TABLE text that SQLite keeps, for what its pragmas do not tell: names, CHECKs, collations, actions.

A lexer and one pass over the definitions, so that quotes, comments, brackets and new lines cannot mislead it: a
rebuild copies what is read here, and what were read wrong would be lost. Source:
https://sqlite.org/lang_createtable.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

_LEXER = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<string>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<op>->>|->|\|\||<=|>=|<>|!=|==|<<|>>|.)""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
_TABLE_LEVEL = frozenset({"constraint", "primary", "unique", "check", "foreign"})


class Token(NamedTuple):
    kind: Literal["string", "name", "word", "number", "op"]
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind in ("word", "op") else ""

    @property
    def value(self) -> str:
        """The identifier without its quotes."""
        if self.kind not in ("name", "string"):
            return self.text
        quote = self.text[-1]
        return self.text[1:-1].replace(quote * 2, quote) if quote != "]" else self.text[1:-1]


@dataclass(frozen=True, slots=True)
class CheckText:
    name: str | None
    text: str


@dataclass(frozen=True, slots=True)
class UniqueText:
    name: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForeignText:
    name: str | None
    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    """Empty where the text leaves them out: then it is the primary key."""
    on_delete: str | None = None
    on_update: str | None = None
    deferrable: bool | None = None
    initially: str | None = None


@dataclass(slots=True)
class TableText:
    checks: list[CheckText] = field(default_factory=list)
    uniques: list[UniqueText] = field(default_factory=list)
    foreigns: list[ForeignText] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)
    primary_key_name: str | None = None
    autoincrement: bool = False
    on_conflict: bool = False
    options: frozenset[str] = frozenset()
    """Of `strict`, `without rowid`."""


def lex(sql: str) -> list[Token]:
    """The tokens of a statement, without spaces and comments."""
    found = (match for match in _LEXER.finditer(sql) if match.lastgroup != "space")
    return [Token(match.lastgroup, match.group(), match.start(), match.end()) for match in found]  # type: ignore[arg-type]  # a group's name


def normal(sql: str) -> str:
    """The text in one spelling: one space between tokens, keywords and plain names in lower case and unquoted, no
    outer brackets.
    """
    tokens = lex(sql)
    while len(tokens) > 1 and tokens[0].text == "(" and _closing(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return " ".join(_spelled(token) for token in tokens)


def _spelled(token: Token) -> str:
    if token.kind in ("string", "op"):
        return token.text
    lowered = token.value.lower()
    return lowered if token.kind != "name" or _SIMPLE.fullmatch(lowered) else token.text


@lru_cache(maxsize=1024)
def parse_table(sql: str) -> TableText:
    """What stands in a CREATE TABLE statement; the result is shared and only read."""
    out = TableText()
    tokens = lex(sql)
    opening = next((index for index, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return out
    closing = _closing(tokens, opening)
    rest = " ".join(token.keyword for token in tokens[closing + 1 :])
    out.options = frozenset(option for option in ("strict", "without rowid") if option in rest)
    for part in _split(tokens[opening + 1 : closing]):
        _Definition(part, sql, out).read()
    return out


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].text == "(":
            depth += 1
        elif tokens[index].text == ")":
            depth -= 1
            if depth == 0:
                return index
    return len(tokens) - 1


def _split(tokens: list[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


class _Definition:
    """One column or table constraint, read from left to right."""

    def __init__(self, tokens: list[Token], sql: str, out: TableText) -> None:
        self.tokens, self.sql, self.out = tokens, sql, out
        self.column = None if tokens[0].keyword in _TABLE_LEVEL else tokens[0].value
        self.at = 0 if self.column is None else 1
        self.name: str | None = None
        self.local: tuple[str, ...] = () if self.column is None else (self.column,)

    def read(self) -> None:
        while self.at < len(self.tokens):
            reader = getattr(self, f"_{self._word()}", None)
            if reader is not None and self.tokens[self.at].kind == "word":
                reader()
            elif self.tokens[self.at].text == "(":
                self.at = _closing(self.tokens, self.at) + 1
            else:
                self.at += 1

    def _word(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].keyword if self.at + ahead < len(self.tokens) else ""

    def _named(self) -> str | None:
        name, self.name = self.name, None
        return name

    def _inside(self) -> str:
        closing = _closing(self.tokens, self.at)
        text = self.sql[self.tokens[self.at].end : self.tokens[closing].start].strip()
        self.at = closing + 1
        return text

    def _list(self) -> tuple[str, ...]:
        closing = _closing(self.tokens, self.at)
        names = tuple(part[0].value for part in _split(self.tokens[self.at + 1 : closing]))
        self.at = closing + 1
        return names

    def _constraint(self) -> None:
        self.name = self.tokens[self.at + 1].value
        self.at += 2

    def _check(self) -> None:
        self.at += 1
        self.out.checks.append(CheckText(self._named(), self._inside()))

    def _unique(self) -> None:
        self.at += 1
        columns = self._list() if self.column is None else self.local
        self.out.uniques.append(UniqueText(self._named(), columns))

    def _primary(self) -> None:
        self.at += 2
        self.out.primary_key_name = self._named()
        if self.column is None:
            self._list()

    def _foreign(self) -> None:
        self.at += 2
        self.local = self._list()

    def _references(self) -> None:
        table = self.tokens[self.at + 1].value
        self.at += 2
        referred = self._list() if self._word() == "(" else ()
        actions: dict[str, str] = {}
        deferrable: bool | None = None
        initially: str | None = None
        while self._word() in ("on", "match", "not", "deferrable", "initially"):
            if self._word() == "on" and self._word(1) in ("delete", "update"):
                length = 2 if self._word(2) in ("set", "no") else 1
                words = self.tokens[self.at + 2 : self.at + 2 + length]
                actions[self._word(1)] = " ".join(word.text.upper() for word in words)
                self.at += 2 + length
            elif self._word() == "not" and self._word(1) == "deferrable":
                deferrable = False
                self.at += 2
            elif self._word() == "deferrable":
                deferrable = True
                self.at += 1
            elif self._word() in ("match", "initially"):
                initially = self._word(1).upper() if self._word() == "initially" else initially
                self.at += 2
            else:
                break
        kept = {key: value for key, value in actions.items() if value != "NO ACTION"}
        foreign = ForeignText(
            self._named(), self.local, table, referred, kept.get("delete"), kept.get("update"), deferrable, initially
        )
        self.out.foreigns.append(foreign)

    def _collate(self) -> None:
        self.out.collations[self.column or ""] = self.tokens[self.at + 1].value
        self.at += 2

    def _autoincrement(self) -> None:
        self.out.autoincrement = True
        self.at += 1

    def _as(self) -> None:
        self.at += 1
        if self.column is not None and self._word() == "(":
            self.out.generated[self.column] = self._inside()

    def _default(self) -> None:
        self.at += 1
        if self._word() in ("+", "-"):
            self.at += 1
        self.at = _closing(self.tokens, self.at) + 1 if self._word() == "(" else self.at + 1

    def _on(self) -> None:
        self.out.on_conflict = self.out.on_conflict or self._word(1) == "conflict"
        self.at += 3
