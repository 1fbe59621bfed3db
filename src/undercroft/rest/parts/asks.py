"""From a request's key to its ask: parameters are read in the key's order, so slots are numbered as the values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from undercroft.query.ask import CountKind, Filter, Page, ReadAsk, SelectStar, Verb, WriteAsk
from undercroft.rest.errors import EmbedFault, ParseFault, PutFault, shown
from undercroft.rest.parts.filters import no_operator, read_operator
from undercroft.rest.parts.logic import read_logic
from undercroft.rest.parts.names import Source, read_names, read_path
from undercroft.rest.parts.order import read_order
from undercroft.rest.parts.parameters import given_twice, logic_name
from undercroft.rest.parts.select import Branch, Node, read_select

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

_RETURNING: dict[str, Literal["rows", "keys"]] = {"representation": "rows", "headers-only": "keys"}
_SINGLE = frozenset({"select", "columns", "on_conflict"})


class Renamed(NamedTuple):
    """An embed that was named by its relation although it has an alias: deprecated, and told in a Warning header."""

    relation: str
    alias: str


class Parsed(NamedTuple):
    """An ask, and what the answer should warn about."""

    ask: ReadAsk | WriteAsk
    renamed: tuple[Renamed, ...] = ()


class _Reading:
    """The state of one parse: the tree so far, and the number of slots that the parameters before have taken."""

    def __init__(self, root: Node, limits: Limits) -> None:
        self.root = root
        self.limits = limits
        self.slots = 0
        self.renamed: list[Renamed] = []
        self.ordered: set[int] = set()

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def at(self, path: tuple[str, ...]) -> Node:
        """The node of the embed at `path`. Raises EmbedFault (PGRST108) where the select holds none."""
        node = self.root
        for name in path:
            branch = _named(node, name)
            if branch.alias is not None and branch.alias != name:
                self.renamed.append(Renamed(name, branch.alias))
            node = branch.node
        return node

    def take(self, name: str, shape: str) -> None:
        """Read one parameter other than select, columns and on_conflict."""
        prefix, _, last = name.rpartition(".")
        if last == "order":
            node = self.at(_embeds(prefix))
            if id(node) in self.ordered:
                raise given_twice(name)
            self.ordered.add(id(node))
            node.order = read_order(Source("order", shape), self.limits.order_terms)
        elif last == "limit":
            node = self.at(_embeds(prefix))
            if node.limit is not None:
                raise given_twice(name)
            node.limit = Page(int(shape)) if shape else self.slot()
        elif last == "offset":
            node = self.at(_embeds(prefix))
            if node.offset is not None:
                raise given_twice(name)
            node.offset = self.slot()
        elif last in ("and", "or"):
            operator, negated, prefix = logic_name(name)
            tree = read_logic(operator, negated, shape, self.limits, self.slots)
            self.slots += len(tree.values)
            self.at(_embeds(prefix)).conditions.append(tree.logic)
        else:
            self._filter(name, shape)

    def _filter(self, name: str, shape: str) -> None:
        path, field = read_path(Source("tree path", name))
        found = read_operator(Source("filter", shape if shape.startswith(("is.", "not.is.")) else shape + "."))
        if not found:
            raise no_operator(shape)
        operator, _ = found
        slot = None if operator.name == "is" else self.slot()
        self.at(path).conditions.append(operator.on(field, slot))


def parse_key(key: tuple[str, ...], limits: Limits, columns: tuple[str, ...] = ()) -> Parsed:
    """Read a key that `Reader.shape` made.

    Raises ParseFault (PGRST100), EmbedFault (PGRST108), PutFault (PGRST105, PGRST114).
    """
    verb, table, _, preferences, _ = key[:5]
    pairs = list(zip(key[5::2], key[6::2], strict=True))
    single: dict[str, str] = {}
    for name, text in pairs:
        if name in _SINGLE:
            if name in single:
                raise given_twice(name)
            single[name] = text
    root = read_select(single["select"], limits) if "select" in single else Node([SelectStar()])
    reading = _Reading(root, limits)
    for name, text in pairs:
        if name not in _SINGLE:
            reading.take(name, text)
    _check_orders(root)
    renamed = tuple(dict.fromkeys(reading.renamed))
    count, returning, resolution, missing = preferences.split("|") if preferences else ("", "", "", "")
    counted = cast("CountKind", count) if count else None
    if verb in ("read", "rpc", "options"):
        return Parsed(ReadAsk(table, root.grown(), counted), renamed)
    named = (
        read_names(Source("columns parameter", single["columns"]), limits.columns) if "columns" in single else columns
    )
    keys = (
        read_names(Source("on_conflict parameter", single["on_conflict"]), limits.columns)
        if "on_conflict" in single
        else ()
    )
    if verb == "replace":
        _check_put(root)
    return Parsed(
        WriteAsk(
            table=table,
            verb=_write_verb(verb, resolution),
            ask=root.grown(),
            columns=named if verb != "delete" else (),
            on_conflict=keys,
            resolution=_resolution(resolution) if verb == "write" else None,
            missing_default=missing == "default",
            returning=_RETURNING.get(returning),
            count=counted,
        ),
        renamed,
    )


def columns_of(key: tuple[str, ...], limits: Limits) -> tuple[str, ...] | None:
    """The names of the `columns` parameter; None where there is none. Raises ParseFault (PGRST100)."""
    for name, text in zip(key[5::2], key[6::2], strict=True):
        if name == "columns":
            return read_names(Source("columns parameter", text), limits.columns)
    return None


def _write_verb(verb: str, resolution: str) -> Verb:
    if verb == "write":
        return "upsert" if resolution else "insert"
    return cast("Verb", verb)


def _resolution(text: str) -> Literal["merge", "ignore"] | None:
    if not text:
        return None
    return "merge" if text == "merge-duplicates" else "ignore"


def _embeds(prefix: str) -> tuple[str, ...]:
    """The embeds that stand before `.order`, `.limit`, `.or`."""
    if not prefix:
        return ()
    path, last = read_path(Source("tree path", prefix))
    if last.json:
        raise ParseFault(f"{shown(prefix)} is not the path of an embedded resource")
    return (*path, last.name)


def _named(node: Node, name: str) -> Branch:
    """The embed of that alias or, without one, of that relation; and at last one that has another alias."""
    branches = node.branches()
    for branch in branches:
        if (branch.alias or branch.relation) == name:
            return branch
    for branch in branches:
        if branch.relation == name:
            return branch
    raise not_embedded(name)


def not_embedded(name: str) -> EmbedFault:
    return EmbedFault(
        f"'{shown(name)}' is not an embedded resource in this request",
        hint=f"Verify that '{shown(name)}' is included in the 'select' query parameter.",
    )


def named_by_relation(renamed: Renamed) -> EmbedFault:
    """The refusal where an embed that has an alias must be named by it."""
    return EmbedFault(
        f"'{shown(renamed.relation)}' is not an embedded resource in this request",
        details="Target names are not allowed in filters if they have an alias",
        hint=f"Change '{shown(renamed.relation)}' to '{shown(renamed.alias)}' in filters, orders or limits.",
    )


def _check_orders(root: Node) -> None:
    """Every related order names an embed of its own level."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        for term in node.order:
            if term.relation is not None:
                _named(node, term.relation)
        nodes.extend(branch.node for branch in node.branches())


def _check_put(root: Node) -> None:
    """What can be said of a PUT without knowing its table: that its filters are `eq`, and that it has no limits."""
    if root.limit is not None or root.offset is not None:
        raise PutFault("limit/offset querystring parameters are not allowed for PUT", code="PGRST114")
    for condition in root.conditions:
        plain = isinstance(condition, Filter) and condition.operator == "eq" and not condition.field.json
        if not plain or not isinstance(condition, Filter) or condition.negated or condition.quantifier:
            raise PutFault("Filters must include all and only primary key columns with 'eq' operators")
    if not root.conditions:
        raise PutFault("Filters must include all and only primary key columns with 'eq' operators")
