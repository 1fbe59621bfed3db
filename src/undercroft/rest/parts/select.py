"""`select=id,title:name::text,author:users!fk!inner(*),...client(name),price.sum()`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from undercroft.query.ask import (
    Aggregate,
    Ask,
    Condition,
    EmbedAsk,
    Field,
    JoinKind,
    Limit,
    OrderTerm,
    SelectField,
    SelectStar,
    Slot,
)
from undercroft.rest.errors import RequestFault
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.names import FIELD_NAME, Source, read_json_path, read_name

_AGGREGATE = re.compile(r"\.(avg|count|max|min|sum)\(\)")
_COUNT = re.compile(r"[ \t]*count\(\)")
_CAST = re.compile(r"::([\w $]+(?:-(?!>)[\w $]+)*)")


@dataclass(slots=True)
class Branch:
    """An embed while the request is read: conditions, orders and limits are still to be hung on it."""

    relation: str
    alias: str | None = None
    hint: str | None = None
    join: JoinKind | None = None
    spread: bool = False
    node: Node = field(default_factory=lambda: Node())  # noqa: PLW0108 -- Node is defined below

    def grown(self) -> EmbedAsk:
        return EmbedAsk(self.relation, self.node.grown(), self.alias, self.hint, self.join, self.spread)


@dataclass(slots=True)
class Node:
    """One table's part of a read, while the request is read."""

    select: list[SelectField | SelectStar | Branch] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    order: tuple[OrderTerm, ...] = ()
    limit: Limit | None = None
    offset: Slot | None = None

    def branches(self) -> list[Branch]:
        return [item for item in self.select if isinstance(item, Branch)]

    def grown(self) -> Ask:
        """The frozen ask. The depth of the recursion is bounded by `Limits.select_depth`."""
        return Ask(
            select=tuple(item.grown() if isinstance(item, Branch) else item for item in self.select),
            conditions=tuple(self.conditions),
            order=self.order,
            limit=self.limit,
            offset=self.offset,
        )


def read_select(text: str, limits: Limits) -> Node:
    """Read a select parameter. Linear in its length, and without recursion."""
    source = Source("select parameter", text)
    root = Node()
    if not text.strip(" "):
        return root
    stack = [root]
    place = 0
    items = embeds = 0
    while True:
        items += 1
        if items > limits.select_items:
            raise RequestFault(f"A select may name at most {limits.select_items} columns and relations")
        item, place = _read_item(source, place)
        stack[-1].select.append(item)
        if isinstance(item, Branch):
            embeds += 1
            if embeds > limits.embeds:
                raise RequestFault(f"A select may embed at most {limits.embeds} relations")
            if not source.at(source.skip(place), ")"):
                if len(stack) > limits.select_depth:
                    raise RequestFault(f"Relations may be embedded at most {limits.select_depth} deep")
                stack.append(item.node)
                continue
            place = source.skip(place) + 1
        while True:
            place = source.skip(place)
            if source.at(place, ","):
                place += 1
                break
            if source.at(place, ")") and len(stack) > 1:
                stack.pop()
                place += 1
                continue
            if place >= len(text) and len(stack) == 1:
                return root
            raise source.fault(place, '"," or ")"' if len(stack) > 1 else '"," or end of input')


def _read_item(source: Source, place: int) -> tuple[SelectField | SelectStar | Branch, int]:
    """One column, star or embed; for an embed the index stands after its opening parenthesis."""
    text = source.text
    place = source.skip(place)
    if text.startswith("*", place):
        return SelectStar(), place + 1
    if text.startswith("...", place):
        name, place = read_name(source, place + 3)
        return _read_branch(source, place, Branch(name, spread=True))
    alias = None
    count = _COUNT.match(text, place)
    if not count:
        if place >= len(text) or text[place] in ",()":
            raise source.fault(place, f'"...", {FIELD_NAME} or "count()"')
        name, place = read_name(source, place)
        if text.startswith(":", place) and not text.startswith("::", place):
            alias = name
            place += 1
            count = _COUNT.match(text, place)
            if not count:
                name, place = read_name(source, place)
    if count:
        cast_name, place = _read_cast(source, count.end())
        return SelectField(None, alias, None, "count", cast_name), place
    if text.startswith(("!", "("), place):
        return _read_branch(source, place, Branch(name, alias))
    return _read_column(source, place, name, alias)


def _read_column(source: Source, place: int, name: str, alias: str | None) -> tuple[SelectField, int]:
    steps, place = read_json_path(source, place)
    cast_name, place = _read_cast(source, place)
    aggregate = aggregate_cast = None
    found = _AGGREGATE.match(source.text, place)
    if found:
        aggregate = cast("Aggregate", found[1])
        aggregate_cast, place = _read_cast(source, found.end())
    return SelectField(Field(name, steps), alias, cast_name, aggregate, aggregate_cast), place


def _read_cast(source: Source, place: int) -> tuple[str | None, int]:
    if not source.at(place, "::"):
        return None, place
    found = _CAST.match(source.text, place)
    name = found[1].strip(" ") if found else ""
    if not found or not name:
        raise source.fault(place + 2, "letter, digit or one of: _ $")
    return name, found.end()


def _read_branch(source: Source, place: int, branch: Branch) -> tuple[Branch, int]:
    while source.at(place, "!"):
        start = place + 1
        name, place = read_name(source, start)
        if name in ("inner", "left") and branch.join is None:
            branch.join = "inner" if name == "inner" else "left"
        elif branch.hint is None:
            branch.hint = name
        else:
            raise source.fault(start - 1, '"("')
    if not source.at(place, "("):
        raise source.fault(place, '"!" or "("')
    return branch, place + 1
