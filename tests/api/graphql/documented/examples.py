"""The documented examples, read: each with the world that it is asked in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, parse
from graphql.language import FieldDefinitionNode, InputValueDefinitionNode, TypeDefinitionNode, print_ast

FOLDER = Path(__file__).parent
PAGES = ("api", "functions", "views", "computed", "configuration", "security")


@dataclass(frozen=True)
class World:
    """What is there before somebody asks."""

    name: str
    setup: str
    """In SQL, for an existing database."""
    after: str
    """Once the role has its privileges."""
    introspection: tuple[str, ...]
    fresh: bool
    """Somebody writes in it: every example has one of its own."""
    missing: str | None
    """Why an app has nothing like it."""


@dataclass(frozen=True)
class Example:
    """A question, and what comes of it."""

    page: str
    heading: str
    name: str
    world: World
    query: str | None
    variables: Mapping[str, Any]
    result: Any
    of_apps: Any
    """The result where an app answers."""
    fails: bool
    message: str | None
    types: str | None
    absent: tuple[str, ...]
    note: str | None

    @property
    def id(self) -> str:
        return f"{self.page}: {self.name}"


def read_examples() -> tuple[Example, ...]:
    """All of them, in the order of the pages."""
    return tuple(example for page in PAGES for example in _page(FOLDER / f"{page}.toml"))


def _page(path: Path) -> list[Example]:
    with path.open("rb") as file:
        found = tomllib.load(file)
    worlds = {
        name: World(
            name,
            each["setup"],
            each.get("after", ""),
            tuple(each.get("introspection", ["*"])),
            each.get("fresh", False),
            each.get("missing", {}).get("app"),
        )
        for name, each in found["worlds"].items()
    }
    return [_example(found["page"], worlds, each) for each in found["examples"]]


def _example(page: str, worlds: Mapping[str, World], each: Mapping[str, Any]) -> Example:
    return Example(
        page,
        each["heading"],
        each["name"],
        worlds[each["world"]],
        each.get("query"),
        json.loads(each.get("variables", "{}")),
        json.loads(each["result"]) if "result" in each else None,
        json.loads(each["of_apps"] if "of_apps" in each else each.get("result", "null")),
        each.get("fails", False),
        each.get("message"),
        each.get("types"),
        tuple(each.get("absent", ())),
        each.get("note"),
    )


def lacking(schema: GraphQLSchema, types: str) -> list[str]:
    """What the documentation shows of types and the schema does not have as it is shown. It shows parts of types."""
    found = []
    for node in parse(types, no_location=True).definitions:
        if not isinstance(node, TypeDefinitionNode):
            raise TypeError(f"{node.kind} is no type")
        type_ = schema.type_map.get(node.name.value)
        if type_ is None:
            found.append(node.name.value)
            continue
        if node.description is not None and type_.description != node.description.value:
            found.append(f"the description of {type_.name}: {type_.description}")
        for part in (*(getattr(node, "fields", None) or ()), *(getattr(node, "values", None) or ())):
            there = getattr(type_, "fields", None) or getattr(type_, "values", {})
            found += [f"{type_.name}.{part.name.value}: {lack}" for lack in _part(part, there.get(part.name.value))]
    return found


def _part(node: Any, there: Any) -> list[str]:
    if there is None:
        return ["it is missing"]
    found = []
    if node.description is not None and there.description != node.description.value:
        found.append(f"its description is {there.description}")
    if isinstance(node, FieldDefinitionNode | InputValueDefinitionNode) and str(there.type) != print_ast(node.type):
        found.append(f"it is {there.type}, not {print_ast(node.type)}")
    for argument in getattr(node, "arguments", None) or ():
        own = there.args.get(argument.name.value)
        if own is None or str(own.type) != print_ast(argument.type):
            found.append(f"{argument.name.value} is {own and own.type}, not {print_ast(argument.type)}")
    return found


def present(schema: GraphQLSchema, fields: tuple[str, ...]) -> list[str]:
    """Those of `Type.field` that there are."""
    found = []
    for place in fields:
        name, _, field = place.partition(".")
        type_ = schema.type_map.get(name)
        if type_ is not None and field in getattr(type_, "fields", {}):
            found.append(place)
    return found
