"""The dialect a second time, for tests: asks drawn at random, written as a query string, and read by a naive parser.

`Query.text` is the inverse of the parser under test. `read_naively` reads a query string in one step, character by
character and with recursion; it knows nothing of shapes, keys or caches, and shares no code with the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from hypothesis import strategies as st

from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    JsonStep,
    Limit,
    Logic,
    OrderTerm,
    Page,
    ReadAsk,
    SelectField,
    SelectStar,
    Slot,
)

VALUED = ["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct", "cs", "cd", "ov"]
QUANTIFIED = ["eq", "gte", "gt", "lte", "lt", "like", "ilike", "match", "imatch"]
SEARCHES = ["fts", "plfts", "phfts", "wfts"]
IS = ["null", "not_null", "true", "false", "unknown"]
RESERVED = {
    "select",
    "order",
    "limit",
    "offset",
    "and",
    "or",
    "not",
    "columns",
    "on_conflict",
    "inner",
    "left",
    "count",
}

plain_names = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in RESERVED)
any_names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8)
names = plain_names | plain_names | any_names
values = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


# ---------------------------------------------------------------- writing


def named(name: str) -> str:
    """A name as the dialect wants it: bare where it may be, else between quotes."""
    if re.fullmatch(r"[A-Za-z0-9_]+", name) and name not in RESERVED:
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def field_text(column: Field) -> str:
    text = named(column.name)
    for step in column.json:
        text += "->>" if step.as_text else "->"
        text += str(step.key) if isinstance(step.key, int) else named_key(step.key)
    return text


def named_key(key: str) -> str:
    return key if re.fullmatch(r"[a-z][a-z0-9_]*", key) else '"' + re.sub(r'(["\\])', r"\\\1", key) + '"'


def select_text(items: tuple[Any, ...]) -> str:
    texts = []
    for item in items:
        if isinstance(item, SelectStar):
            texts.append("*")
        elif isinstance(item, EmbedAsk):
            text = "..." if item.spread else (named(item.alias) + ":" if item.alias else "")
            text += named(item.relation) + (f"!{named(item.hint)}" if item.hint else "")
            text += f"!{item.join}" if item.join else ""
            texts.append(f"{text}({select_text(item.ask.select)})")
        else:
            text = (named(item.alias) + ":") if item.alias else ""
            if item.field is None:
                texts.append(text + "count()" + (f"::{item.aggregate_cast}" if item.aggregate_cast else ""))
                continue
            text += field_text(item.field) + (f"::{item.cast}" if item.cast else "")
            if item.aggregate:
                text += f".{item.aggregate}()" + (f"::{item.aggregate_cast}" if item.aggregate_cast else "")
            texts.append(text)
    return ",".join(texts)


def operator_text(one: Filter) -> str:
    text = ("not." if one.negated else "") + one.operator
    text += f"({one.quantifier})" if one.quantifier else ""
    return text + (f"({one.language})" if one.language else "")


def order_text(terms: tuple[OrderTerm, ...]) -> str:
    texts = []
    for term in terms:
        text = field_text(term.field)
        text = f"{named(term.relation)}({text})" if term.relation else text
        text += f".{term.direction}" if term.direction else ""
        texts.append(text + (f".nulls{term.nulls}" if term.nulls else ""))
    return ",".join(texts)


@dataclass
class Query:
    """Parameters in their order, with the values that they hold."""

    parameters: list[tuple[str, str]] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def slot(self, value: str) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def text(self) -> str:
        return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.parameters)


def logic_text(logic: Logic, given: list[str]) -> str:
    texts = []
    for term in logic.terms:
        if isinstance(term, Logic):
            texts.append(("not." if term.negated else "") + term.operator + logic_text(term, given))
        elif term.operator == "is":
            texts.append(f"{field_text(term.field)}.{operator_text(term)}.{term.is_value}")
        else:
            assert term.value is not None
            value = given[term.value]
            if term.operator != "in" and not term.quantifier:
                value = '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
            texts.append(f"{field_text(term.field)}.{operator_text(term)}.{value}")
    return "(" + ",".join(texts) + ")"


# ---------------------------------------------------------------- drawing

json_steps = st.lists(
    st.builds(JsonStep, st.integers(-99, 99) | names, st.booleans()), max_size=2, unique_by=lambda step: str(step)
).map(tuple)
columns = st.builds(Field, names, json_steps)
casts = st.none() | st.sampled_from(["text", "int4", "double precision"])


@st.composite
def select_fields(draw: st.DrawFn) -> SelectField:
    alias = draw(st.none() | names)
    if draw(st.integers(0, 9)) == 0:
        return SelectField(None, alias, None, "count", draw(casts))
    aggregate = draw(st.none() | st.sampled_from(["avg", "count", "max", "min", "sum"]))
    aggregate_cast = draw(casts) if aggregate else None
    return SelectField(draw(columns), alias, draw(casts), aggregate, aggregate_cast)  # type: ignore[arg-type]  # literals


@st.composite
def lists(draw: st.DrawFn) -> str:
    members = draw(st.lists(values, max_size=3))
    return "(" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", member) + '"' for member in members) + ")"


@st.composite
def arrays(draw: st.DrawFn) -> str:
    return "{" + ",".join(draw(st.lists(plain_names, max_size=3))) + "}"


@st.composite
def filters(draw: st.DrawFn, query: Query) -> Filter:
    column, negated = draw(columns), draw(st.booleans())
    kind = draw(st.sampled_from(["valued", "valued", "is", "in", "quantified", "search"]))
    if kind == "is":
        return Filter(column, "is", None, negated, is_value=draw(st.sampled_from(IS)))
    if kind == "in":
        return Filter(column, "in", query.slot(draw(lists())), negated)
    if kind == "quantified":
        operator, quantifier = draw(st.sampled_from(QUANTIFIED)), draw(st.sampled_from(["any", "all"]))
        return Filter(column, operator, query.slot(draw(arrays())), negated, quantifier)  # type: ignore[arg-type]  # literals
    if kind == "search":
        language = draw(st.none() | st.sampled_from(["english", "simple"]))
        operator = draw(st.sampled_from(SEARCHES))
        return Filter(column, operator, query.slot(draw(values)), negated, language=language)  # type: ignore[arg-type]
    return Filter(column, draw(st.sampled_from(VALUED)), query.slot(draw(values)), negated)


@st.composite
def logics(draw: st.DrawFn, query: Query, depth: int) -> Logic:
    terms: list[Filter | Logic] = []
    for _ in range(draw(st.integers(1, 3))):
        deeper = depth < 3 and draw(st.integers(0, 3)) == 0
        terms.append(draw(logics(query, depth + 1)) if deeper else draw(filters(query)))
    return Logic(draw(st.sampled_from(["and", "or"])), tuple(terms), draw(st.booleans()))


@st.composite
def asks(draw: st.DrawFn, query: Query, path: tuple[str, ...], top: bool) -> Ask:
    """An ask at a path; its parameters are added to the query in the order in which they are drawn."""
    prefix = "".join(named(name) + "." for name in path)
    items: list[Any] = []
    seen: set[str] = set()
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            items.append(draw(st.just(SelectStar()) | select_fields()))
        elif len(path) < 2:
            relation, alias, spread = draw(names), draw(st.none() | names), draw(st.booleans())
            name = relation if spread or alias is None else alias
            if name in seen or relation in seen:
                continue
            seen |= {name, relation}
            below = draw(asks(query, (*path, name), False))
            hint = draw(st.none() | plain_names)
            join = draw(st.none() | st.sampled_from(["left", "inner"]))
            items.append(EmbedAsk(relation, below, None if spread else alias, hint, join, spread))  # type: ignore[arg-type]
    conditions: list[Filter | Logic] = []
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.integers(0, 2)):
            one = draw(filters(query))
            text = one.is_value if one.value is None else query.values[one.value]
            query.parameters.append((prefix + field_text(one.field), f"{operator_text(one)}.{text}"))
            conditions.append(one)
        else:
            logic = draw(logics(query, 0))
            word = ("not." if logic.negated else "") + logic.operator
            query.parameters.append((prefix + word, logic_text(logic, query.values)))
            conditions.append(logic)
    order: tuple[OrderTerm, ...] = ()
    if draw(st.booleans()):
        embeds = [item.alias or item.relation for item in items if isinstance(item, EmbedAsk)]
        relations = st.none() | st.sampled_from(embeds) if embeds else st.none()
        directions, nulls = st.sampled_from([None, "asc", "desc"]), st.sampled_from([None, "first", "last"])
        terms = st.builds(OrderTerm, columns, directions, nulls, relations)
        order = tuple(draw(st.lists(terms, min_size=1, max_size=2)))
        query.parameters.append((prefix + "order", order_text(order)))
    limit: Limit | None = None
    offset: Slot | None = None
    if draw(st.booleans()):
        rows, first = draw(st.integers(0, 200) | st.integers(0, 10**6)), draw(st.integers(1, 10**6))
        for word, number in (("limit", rows), ("offset", first)):
            query.parameters.append((prefix + word, str(number)))
        limit = Page(rows) if rows <= 100 else query.slot(str(rows))
        offset = query.slot(str(first))
    whole = draw(st.booleans())
    select = (SelectStar(),) if whole and top and not items else tuple(items)
    if top and select != (SelectStar(),):
        query.parameters.insert(draw(st.integers(0, len(query.parameters))), ("select", select_text(select)))
    return Ask(select, tuple(conditions), order, limit, offset)


@st.composite
def reads(draw: st.DrawFn) -> tuple[ReadAsk, Query]:
    """A read, and the query string that asks for it."""
    query = Query()
    return ReadAsk("things", draw(asks(query, (), True))), query


# ---------------------------------------------------------------- reading naively


class Text:
    """A text that is eaten from the front."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, start: str) -> bool:
        if self.rest.startswith(start):
            self.rest = self.rest[len(start) :]
            return True
        return False

    def name(self, stops: str) -> str:
        if not self.take('"'):
            name = ""
            while self.rest and self.rest[0] not in stops and not self.rest.startswith("->"):
                name, self.rest = name + self.rest[0], self.rest[1:]
            assert name, self.rest
            return name.strip(" ")
        name = ""
        while not self.take('"'):
            if self.rest[0] == "\\":
                self.rest = self.rest[1:]
            name, self.rest = name + self.rest[0], self.rest[1:]
        return name

    def column(self, stops: str) -> Field:
        name, steps = self.name(stops), []
        while self.take("->"):
            as_text = self.take(">")
            quoted = self.rest.startswith('"')
            key = self.name(stops)
            number = re.fullmatch(r"-?[0-9]+", key) and not quoted
            steps.append(JsonStep(int(key) if number else key, as_text))
        return Field(name, tuple(steps))


def read_naively(text: str) -> tuple[Ask, list[str]]:
    """The ask and values of a query string; with slots in the order of the parameters, the root's numbers last."""
    found: list[str] = []
    pairs = parse_qsl(text, keep_blank_values=True)
    select: tuple[Any, ...] = (SelectStar(),)
    parts: dict[tuple[str, ...], dict[str, Any]] = {}
    last: list[tuple[str, str]] = []
    for name, value in pairs:
        if name == "select":
            select = naive_select(Text(value), "") if value else ()
            continue
        if name in ("limit", "offset"):
            last.append((name, value))
            continue
        words = split_dots(name)
        word = words[-1]
        if word in ("order", "limit", "offset"):
            path = unquoted(words[:-1])
            part = parts.setdefault(path, {})
            if word == "order":
                part["order"] = naive_order(Text(value))
            else:
                part[word] = naive_number(word, value, found)
        elif word in ("and", "or"):
            negated = words[-2:-1] == ["not"]
            path = unquoted(words[: -2 if negated else -1])
            parts.setdefault(path, {}).setdefault("where", []).append(naive_logic(word, negated, Text(value), found))
        else:
            path = unquoted(words[:-1])
            column = Text(word).column("")
            parts.setdefault(path, {}).setdefault("where", []).append(naive_filter(column, Text(value), found, True))
    for name, value in sorted(last):
        if name == "limit" or value != "0":
            parts.setdefault((), {})[name] = naive_number(name, value, found)
    return naive_ask(select, parts, ()), found


def naive_number(word: str, value: str, found: list[str]) -> Limit:
    """A small limit is part of the shape."""
    if word == "limit" and int(value) <= 100:
        return Page(int(value))
    found.append(value)
    return len(found) - 1


def split_dots(name: str) -> list[str]:
    """The words between dots that do not stand in quotes."""
    words, inside, escaped = [""], False, False
    for char in name:
        if char == "." and not inside:
            words.append("")
            continue
        if char == '"' and not escaped:
            inside = not inside
        escaped = char == "\\" and not escaped
        words[-1] += char
    return words


def unquoted(words: list[str]) -> tuple[str, ...]:
    return tuple(Text(word).name("") for word in words)


def naive_ask(select: tuple[Any, ...], parts: dict[tuple[str, ...], dict[str, Any]], path: tuple[str, ...]) -> Ask:
    part = parts.get(path, {})
    items = []
    for item in select:
        if isinstance(item, EmbedAsk):
            below = naive_ask(item.ask.select, parts, (*path, item.alias or item.relation))
            item = EmbedAsk(item.relation, below, item.alias, item.hint, item.join, item.spread)
        items.append(item)
    where = tuple(part.get("where", ()))
    return Ask(tuple(items), where, part.get("order", ()), part.get("limit"), part.get("offset"))


def naive_select(text: Text, end: str) -> tuple[Any, ...]:
    items: list[Any] = []
    while True:
        if end and text.take(end):
            return tuple(items)
        items.append(naive_item(text))
        if not text.take(","):
            assert text.take(end) if end else not text.rest, text.rest
            return tuple(items)


def naive_item(text: Text) -> Any:
    if text.take("*"):
        return SelectStar()
    spread = text.take("...")
    alias = None
    if not text.take("count()"):
        column = text.column(":!(,).")
        if text.rest.startswith(":") and not text.rest.startswith("::"):
            text.take(":")
            alias = column.name
            if text.take("count()"):
                return SelectField(None, alias, None, "count", naive_cast(text))
            column = text.column(":!(,).")
    else:
        return SelectField(None, None, None, "count", naive_cast(text))
    hint, join = None, None
    while text.take("!"):
        word = text.name("!(")
        if word in ("inner", "left"):
            join = word
        else:
            hint = word
    if text.take("("):
        return EmbedAsk(column.name, Ask(naive_select(text, ")")), alias, hint, join, spread)  # type: ignore[arg-type]
    cast = naive_cast(text)
    aggregate = aggregate_cast = None
    if text.take("."):
        aggregate = text.name("(")
        assert text.take("()")
        aggregate_cast = naive_cast(text)
    return SelectField(column, alias, cast, aggregate, aggregate_cast)  # type: ignore[arg-type]  # literals


def naive_cast(text: Text) -> str | None:
    return text.name(",).") if text.take("::") else None


def naive_order(text: Text) -> tuple[OrderTerm, ...]:
    terms = []
    while True:
        column, relation = text.column("(,)."), None
        if text.take("("):
            relation, column = column.name, text.column(")")
            text.take(")")
        direction = next((word for word in ("asc", "desc") if text.take("." + word)), None)
        nulls = next((word for word in ("first", "last") if text.take(".nulls" + word)), None)
        terms.append(OrderTerm(column, direction, nulls, relation))  # type: ignore[arg-type]  # literals
        if not text.take(","):
            assert not text.rest, text.rest
            return tuple(terms)


def naive_logic(operator: str, negated: bool, text: Text, found: list[str]) -> Logic:
    assert text.take("(")
    terms: list[Filter | Logic] = []
    while True:
        start = re.match(r"(not\.)?(and|or)(?=\()", text.rest)
        if start:
            text.take(start[0])
            terms.append(naive_logic(start[2], start[1] is not None, text, found))
        else:
            column = text.column(".")
            assert text.take(".")
            terms.append(naive_filter(column, text, found, False))
        if text.take(")"):
            return Logic(operator, tuple(terms), negated)  # type: ignore[arg-type]  # literals
        assert text.take(","), text.rest


def naive_filter(column: Field, text: Text, found: list[str], alone: bool) -> Filter:
    negated = text.take("not.")
    head = re.match(r"([a-z]+)(?:\(([a-z]+)\))?\.", text.rest)
    assert head, text.rest
    text.take(head[0])
    operator, inside = head[1], head[2]
    if operator == "is":
        word = next(word for word in ("not_null", *IS) if text.rest.lower().startswith(word))
        text.rest = text.rest[len(word) :]
        return Filter(column, "is", None, negated, is_value=word)  # type: ignore[arg-type]  # literals
    if alone:
        value, text.rest = text.rest, ""
    elif operator == "in" or (inside and operator not in SEARCHES):
        close = ")" if operator == "in" else "}"
        end, quoted = 1, False
        while text.rest[end] != close or quoted:
            quoted ^= text.rest[end] == '"'
            end += 2 if text.rest[end] == "\\" else 1
        value, text.rest = text.rest[: end + 1], text.rest[end + 1 :]
    else:
        value = text.name(",)") if text.rest.startswith('"') else naive_value(text)
    found.append(value)
    slot = len(found) - 1
    if operator in SEARCHES:
        return Filter(column, operator, slot, negated, language=inside)  # type: ignore[arg-type]  # literals
    return Filter(column, operator, slot, negated, inside)  # type: ignore[arg-type]  # literals


def naive_value(text: Text) -> str:
    value = ""
    while text.rest and text.rest[0] not in ",)":
        value, text.rest = value + text.rest[0], text.rest[1:]
    return value
