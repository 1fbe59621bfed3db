"""Rows of a plan as SQL: the members of each row, its embeds, its conditions and its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from undercroft.catalog.types import Handler
from undercroft.query.plan import (
    Bound,
    BoundCondition,
    Compare,
    Embed,
    EmbedExists,
    Group,
    Item,
    Node,
    Order,
    Output,
    Token,
    Tree,
    Word,
    leaves,
)
from undercroft.sql.dialect import Dialect, Expression, Scalar
from undercroft.sql.errors import NotSupported
from undercroft.sql.grouping import check_order_of_groups
from undercroft.sql.pieces import (
    Piece,
    as_scalar,
    group_piece,
    leaves_of,
    object_text,
    renamed,
    token_piece,
    word_piece,
)
from undercroft.sql.telling import Around, tell
from undercroft.sql.text import bracketed, concat, constant, csv_field, key_of, text_literal

Body = Literal["array", "object", "csv", "none"]


def require_guard(guarded: bool) -> None:
    """The last wall: a plan without its policies is a fault of the program, and is never written."""
    if not guarded:
        raise AssertionError("a plan reached the SQL writer without passing the guard")


class Rendering(NamedTuple):
    """How rows become a body. `object` is one row without brackets; `none` gives the counts alone."""

    body: Body = "array"
    strip_nulls: bool = False
    most_rows: int | None = None
    """The greatest number of rows that any list of the answer may have."""
    handler: Handler | None = None
    """What makes the body in the place of all that, where a database does so itself."""
    as_asked: bool = False
    """Objects keep the order of the ask in embeds too, whatever else may depend on each byte of them."""


AS_ASKED = Rendering(as_asked=True)


@dataclass(frozen=True, slots=True)
class ReadWriter:
    """Writes the parts of a read for one dialect and rendering."""

    dialect: Dialect
    rendering: Rendering
    _known: dict[Node, tuple[Piece, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The members of each node: what is shown and what is grouped by must be the same expressions."""

    def most_rows(self) -> int | None:
        """The greatest number of rows that any list may have."""
        return self.rendering.most_rows

    # --- the body ---

    def body(self, text: Expression, header: Expression | None) -> Expression:
        if self.rendering.body == "csv":
            lines = sa.func.coalesce(text_literal("\n").concat(self.dialect.join_lines(text, "\n")), text_literal(""))
            return header.concat(lines) if header is not None else lines
        joined = self.dialect.join_lines(text, ",")
        return joined if self.rendering.body == "object" else bracketed(joined)

    def line(self, node: Node) -> tuple[Expression | None, Expression]:
        """One row of the answer as text (and, for CSV, the header line)."""
        if self.rendering.body != "csv":
            return None, self.object(node)
        pieces = self.pieces(node)
        if not pieces:
            return text_literal(""), text_literal("")
        header = constant(",".join(csv_field(piece.plain) for piece in pieces))
        fields = [self.dialect.csv_value(piece.scalar or as_scalar(piece)) for piece in pieces]
        commas = [text_literal(",")] * (len(fields) - 1)
        return header, concat([part for pair in zip(fields, [*commas, text_literal("")], strict=True) for part in pair])

    def object(self, node: Node) -> Expression:
        """A row of the node as the text of a JSON object."""
        return self.object_of(self.pieces(node))

    def object_of(self, pieces: Sequence[Piece]) -> Expression:
        """Members of a row as the text of a JSON object."""
        return object_text(pieces, self.dialect if self.rendering.strip_nulls else None)

    # --- the members of a row ---

    def pieces(self, node: Node) -> tuple[Piece, ...]:
        """The members of a row, in the order of the select."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self.members(node, node.outputs)
        return found

    def members(self, node: Node, items: Sequence[Item]) -> tuple[Piece, ...]:
        """Members of a row, in this order."""
        return tuple(piece for item in items for piece in self._pieces(node, item))

    def _pieces(self, node: Node, item: Item) -> Iterator[Piece]:
        match item:
            case Output():
                yield self._piece(node, item)
            case Word():
                yield word_piece(item)
            case Token():
                yield token_piece(item, [self.scalar(node, field) for field in item.fields], self.dialect)
            case Group():
                inner = self.members(node, item.members)
                yield group_piece(item.name, inner, self.object_of(inner))
            case Embed():
                yield from self._embed_pieces(node, item)

    def _embed_pieces(self, node: Node, embed: Embed) -> Iterator[Piece]:
        if not embed.shown and not (embed.spread and embed.relation.to_one):
            return
        if not embed.spread:
            value = self.embed_value(node, embed)
            value = value if self.rendering.as_asked else self.dialect.embedded(value)
            yield Piece(key_of(embed.name, bound=True), value, embed.name, None)
        elif embed.relation.to_one:
            yield from self.pieces(embed.node)
        else:
            yield from self._spread_lists(node, embed)

    def _piece(self, node: Node, output: Output) -> Piece:
        scalar = self.shown(node, output)
        if scalar is not None and output.cast:
            scalar = self.dialect.cast(scalar, output.cast)
        if output.aggregate:
            scalar = self.dialect.aggregate(output.aggregate, scalar)
            if output.aggregate_cast:
                scalar = self.dialect.cast(scalar, output.aggregate_cast)
        if scalar is None:
            raise AssertionError("an output without a field is a count()")
        scalar = renamed(scalar, output.names) if output.names else scalar
        from_caller = output.renamed or bool(output.field and output.field.json)
        return Piece(
            key_of(output.name, bound=from_caller),
            self.dialect.json_value(scalar),
            output.name,
            scalar,
            aggregate=output.aggregate is not None,
        )

    def shown(self, node: Node, output: Output) -> Scalar | None:
        """What an output shows, before casts and aggregates."""
        return self.scalar(node, output.field) if output.field else None

    def scalar(self, node: Node, field: Bound) -> Scalar:
        scalar = Scalar(node.column(field.column), field.column.kind, field.column.element.type)
        return self.dialect.json_path(scalar, field.json) if field.json else scalar

    # --- embeds ---

    def embed_value(self, parent: Node, embed: Embed) -> Expression:
        """The embed as JSON text: an object or null, or a list."""
        child = embed.node
        belongs = self.joined(parent, embed)
        if child.telling is not None:
            return tell(self, child, Around(belongs, embed, parent))
        if embed.relation.to_one:
            rows = self.rows(child, [self.object(child)], belongs, embed, correlate=parent, grouped=True)
            return sa.func.coalesce(rows.scalar_subquery(), text_literal("null"))
        if self._is_plain_list(child):
            # No order and no limit: the lines can be joined where they are found.
            rows = self.rows(
                child, [bracketed(self.dialect.join_lines(self.object(child), ","))], belongs, embed, correlate=parent
            )
            return rows.scalar_subquery()
        return self.list_of(
            self.rows(child, [self.object(child).label("j")], belongs, embed, correlate=parent, grouped=True)
        )

    def _is_plain_list(self, node: Node) -> bool:
        return not (
            node.order
            or node.limit is not None
            or node.offset is not None
            or self.rendering.most_rows
            or self.aggregates(node)
        )

    def list_of(self, rows: sa.Select[Any]) -> Expression:
        """The column `j` of these rows as a list."""
        lines = rows.subquery()
        return sa.select(bracketed(self.dialect.join_lines(lines.c.j, ","))).select_from(lines).scalar_subquery()

    def _spread_lists(self, parent: Node, embed: Embed) -> Iterator[Piece]:
        """A spread to-many embed gives each of its columns as a list. Raises `NotSupported` for aggregates in it."""
        if self.aggregates(embed.node):
            raise NotSupported(
                "Feature not implemented",
                code="PGRST127",
                details="Aggregates are not implemented for one-to-many or many-to-many spreads.",
            )
        for piece in self.pieces(embed.node):
            rows = self.rows(embed.node, [piece.value.label("j")], self.joined(parent, embed), embed, correlate=parent)
            yield Piece(piece.name, self.list_of(rows), piece.plain, None)

    def joined(self, parent: Node, embed: Embed) -> sa.ColumnElement[bool]:
        """How the embed's rows belong to a row of the parent."""
        relation, child = embed.relation, embed.node.source
        if relation.function is not None:
            return sa.true()  # the function was called with the parent's row
        if embed.junction is None or relation.junction is None:
            return sa.and_(*(child.c[other] == parent.source.c[own] for own, other in relation.pairs))
        between = embed.junction.source
        clauses = [between.c[key] == parent.source.c[own] for own, key in relation.junction.source_pairs]
        clauses += [between.c[key] == child.c[own] for own, key in relation.junction.target_pairs]
        if embed.junction.policy is not None:
            clauses.append(embed.junction.policy)
        return sa.and_(*clauses)

    # --- the rows of a node ---

    def rows(
        self,
        node: Node,
        columns: Sequence[Expression],
        belongs: sa.ColumnElement[bool] | None = None,
        embed: Embed | None = None,
        *,
        correlate: Node | None = None,
        grouped: bool = False,
    ) -> sa.Select[Any]:
        """SELECT these columns for the node's rows: conditions, order, limit; joined to what is spread into them."""
        source: sa.FromClause = node.source
        for spread in self._spread_ones(node):
            source = self._join_spread(source, *spread)
        select = sa.select(*columns)
        select = (
            select.select_from(source, embed.junction.source)
            if embed and embed.junction
            else select.select_from(source)
        )
        clauses = [*([belongs] if belongs is not None else []), *self.where(node)]
        select = select.where(*clauses) if clauses else select
        if grouped and self.aggregates(node):
            check_order_of_groups(node)
            keys = (self._group_key(piece) for piece in leaves_of(self.pieces(node)) if not piece.aggregate)
            select = select.group_by(*keys)
        select = select.order_by(*(self.order(node, term) for term in node.order))
        if embed is None or not embed.relation.to_one or node.limit is not None or node.offset is not None:
            limit = self.dialect.limit(node.limit, self.rendering.most_rows)
            select = select.limit(limit) if limit is not None else select
            select = select.offset(self.dialect.offset(node.offset)) if node.offset is not None else select
        return select.correlate(*self._sources(correlate)) if correlate is not None else select

    def unseen(self, node: Node) -> sa.Select[Any]:
        """The node's rows, of which nothing is shown; groups are as many as with their values."""
        mark: Expression = sa.func.count() if self.aggregates(node) else sa.literal_column("1")
        return self.rows(node, [mark.label("j")], grouped=True)

    def _sources(self, node: Node) -> list[sa.FromClause]:
        """Every alias that a row of the node consists of: its own, and those spread into it."""
        return [node.source, *(spread.node.source for _, spread in self._spread_ones(node))]

    def _spread_ones(self, node: Node) -> Iterator[tuple[Node, Embed]]:
        for embed in node.embeds():
            if embed.spread and embed.relation.to_one:
                yield node, embed
                yield from self._spread_ones(embed.node)

    def _join_spread(self, source: sa.FromClause, parent: Node, embed: Embed) -> sa.FromClause:
        condition = sa.and_(self.joined(parent, embed), *self.where(embed.node))
        return source.join(embed.node.source, condition, isouter=embed.join == "left")

    def aggregates(self, node: Node) -> bool:
        """Whether the node's rows are groups."""
        return any(
            (isinstance(item, Output) and item.aggregate is not None)
            or (isinstance(item, Embed) and item.spread and item.relation.to_one and self.aggregates(item.node))
            for item in leaves(node.outputs)
        )

    def _group_key(self, piece: Piece) -> Expression:
        return self.dialect.comparable(piece.scalar) if piece.scalar is not None else piece.value

    def total(self, node: Node, among: tuple[sa.FromClause, sa.ColumnElement[bool]] | None = None) -> Expression:
        """The number of rows without the page's limits; `among` joins them to a list of those that are meant."""
        source: sa.FromClause = node.source
        for parent, embed in self._spread_ones(node):
            source = self._join_spread(source, parent, embed)
        counted = sa.select(sa.func.count()).select_from(source).where(*self.where(node))
        if among is not None:
            counted = counted.select_from(among[0]).where(among[1])
        return counted.scalar_subquery()

    # --- conditions and order ---

    def where(self, node: Node) -> list[sa.ColumnElement[bool]]:
        """What a row of the node must satisfy. Raises `AssertionError` for a node that the guard has not seen."""
        require_guard(node.guarded)
        clauses = [] if node.policy is None else [node.policy]
        clauses += [self.condition(node, term) for term in node.conditions]
        spread_by_join = {id(embed) for _, embed in self._spread_ones(node)}
        return clauses + [
            self.exists(node, embed)
            for embed in node.embeds()
            if embed.join == "inner" and id(embed) not in spread_by_join
        ]

    def condition(self, node: Node, term: BoundCondition) -> sa.ColumnElement[bool]:
        return write_condition(self, node, term)

    def exists(self, parent: Node, embed: Embed) -> sa.ColumnElement[bool]:
        """The embed has a row."""
        select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(*self._embed_sources(embed))
        select = select.where(self.joined(parent, embed), *self.where(embed.node))
        return sa.exists(select.correlate(*self._sources(parent)))

    def _embed_sources(self, embed: Embed) -> list[sa.FromClause]:
        source: sa.FromClause = embed.node.source
        for spread in self._spread_ones(embed.node):
            source = self._join_spread(source, *spread)
        return [source, embed.junction.source] if embed.junction else [source]

    def order(self, node: Node, term: Order) -> Expression:
        owner = term.embed.node if term.embed else node
        element = self.dialect.ordered(self.scalar(owner, term.field))
        if term.embed is not None and not any(embed is term.embed for _, embed in self._spread_ones(node)):
            related = sa.select(element).select_from(owner.source)
            related = related.where(self.joined(node, term.embed), *self.where(owner)).limit(1)
            element = related.correlate(*self._sources(node)).scalar_subquery()
        element = element.desc() if term.direction == "desc" else element.asc()
        if term.embed is None and not term.field.json and not term.field.column.nullable:
            return element  # where there are no nulls, an index can give the order as it is
        return element.nulls_first() if term.nulls == "first" else element.nulls_last()


def write_condition(writer: ReadWriter, node: Node, term: BoundCondition) -> sa.ColumnElement[bool]:
    """A condition of a read or a write as an SQL expression over the node's alias."""
    match term:
        case Tree():
            inner = [write_condition(writer, node, each) for each in term.terms]
            joined = sa.and_(*inner) if term.operator == "and" else sa.or_(*inner)
            return sa.not_(joined.self_group()) if term.negated else joined
        case EmbedExists():
            exists = writer.exists(node, term.embed)
            return sa.not_(exists) if term.empty else exists
        case Compare():
            clause = writer.dialect.compare(writer.scalar(node, term.field), term)
            return sa.not_(clause.self_group()) if term.negated else clause
