"""A list of rows that is told as an object: its page, where the page stands, how many there are, and aggregates.

All of it is one expression. Rows are read once for the page, however much is asked of it, and once more for each
member that is about all rows. They are numbered only where something depends on their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, cast

import sqlalchemy as sa

from undercroft.query.ask import TellPage, TellRows, TellTotal, TellWord
from undercroft.query.plan import Aggregates, Bound, BoundCondition, Embed, Group, Item, Node, Telling
from undercroft.sql.dialect import Dialect, Expression, Scalar
from undercroft.sql.pieces import Piece, list_text, token_text, word_text
from undercroft.sql.text import bracketed, concat, key_of, text_literal

Among = tuple[sa.FromClause, sa.ColumnElement[bool], Expression]
"""A list of rows as a source, its join with the node, and the position in it."""

_ONE: Expression = sa.literal_column("1", sa.Integer())
_ZERO: Expression = sa.literal_column("0", sa.Integer())


class Writer(Protocol):
    """What is needed of the writer of rows."""

    @property
    def dialect(self) -> Dialect: ...

    def most_rows(self) -> int | None: ...

    def rows(
        self,
        node: Node,
        columns: Sequence[Expression],
        belongs: sa.ColumnElement[bool] | None = None,
        embed: Embed | None = None,
        *,
        correlate: Node | None = None,
        grouped: bool = False,
    ) -> sa.Select[Any]: ...

    def members(self, node: Node, items: Sequence[Item]) -> tuple[Piece, ...]: ...

    def object_of(self, pieces: Sequence[Piece]) -> Expression: ...

    def scalar(self, node: Node, field: Bound) -> Scalar: ...

    def condition(self, node: Node, term: BoundCondition) -> sa.ColumnElement[bool]: ...


class Around(NamedTuple):
    """Which of a node's rows are meant: those that belong to a row of the parent, or those of a list."""

    belongs: sa.ColumnElement[bool] | None = None
    embed: Embed | None = None
    parent: Node | None = None
    among: Among | None = None


def tell(writer: Writer, node: Node, around: Around | None = None) -> Expression:
    """What is told of the node's rows, as the text of a JSON object."""
    if node.telling is None:
        raise AssertionError("nothing is told of these rows")
    return _Teller(writer, node, node.telling, around or Around()).text()


class _Page(NamedTuple):
    """The rows of the page, with one more where it must be known whether there is one."""

    source: sa.FromClause
    lines: dict[int, Expression]
    """By the place of the group."""
    limit: Expression | None
    """Set where there may be a row too many."""


@dataclass(frozen=True, slots=True)
class _Teller:
    writer: Writer
    node: Node
    telling: Telling
    around: Around

    def text(self) -> Expression:
        page = self._page()
        parts: list[Expression] = []
        for index, member in enumerate(self.telling.members):
            name = key_of(member.name, bound=True)
            parts += [text_literal("," if index else "{"), name, self._value(member, page)]
        whole = concat([*parts, text_literal("}")]) if parts else text_literal("{}")
        return whole if page is None else sa.select(whole).select_from(page.source).scalar_subquery()

    def _value(self, member: Any, page: _Page | None) -> Expression:
        match member:
            case TellWord():
                return word_text(member.text)
            case TellTotal():
                return sa.cast(self._all([sa.func.count()]).scalar_subquery(), sa.Text())
            case Aggregates():
                pieces = self.writer.members(self.node, member.members)
                return self._all([self.writer.object_of(pieces)]).scalar_subquery()
            case TellRows() if page is not None:
                return bracketed(self.writer.dialect.join_lines(page.lines[member.group], ","))
            case TellPage():
                return self._place(member, page)
        raise AssertionError("there is no such thing to tell of rows")

    # --- the rows ---

    def _rows(self, node: Node, columns: Sequence[Expression]) -> sa.Select[Any]:
        rows = self.writer.rows(node, columns, self.around.belongs, self.around.embed, correlate=self.around.parent)
        if self.around.among is None:
            return rows
        listed, join, _ = self.around.among
        return rows.select_from(listed).where(join)

    def _all(self, columns: Sequence[Expression]) -> sa.Select[Any]:
        """All rows that the conditions let in."""
        return self._rows(replace(self.node, order=(), limit=None, offset=None), columns)

    def _asked(self) -> set[str]:
        """What is asked of the page's place, by all members together."""
        pages = (member for member in self.telling.members if isinstance(member, TellPage))
        return {what for page in pages for _, what in page.members}

    def _page(self) -> _Page | None:
        telling, asked = self.telling, self._asked()
        groups = sorted({member.group for member in telling.members if isinstance(member, TellRows)})
        placed = bool(asked & {"start", "end"})
        more = ("has_previous" if telling.backwards else "has_next") in asked
        if not groups and not placed and not more:
            return None
        columns = [self._line(group).label(f"j{group}") for group in groups]
        if placed:
            columns.append(self._token_list().label("k"))
        limit = self.writer.dialect.limit(self.node.limit, self.writer.most_rows())
        rows = self._rows(replace(self.node, limit=None), columns or [_ONE.label("one")])
        if telling.beyond is not None:
            rows = rows.where(self.writer.condition(self.node, telling.beyond))
        if self.around.among is not None:
            position = self.around.among[2]
            rows = rows.order_by(position.desc() if telling.backwards else position)
        more = more and limit is not None
        if limit is not None:
            rows = rows.limit(limit + _ONE if more else limit)
        found = rows.subquery("p")
        if telling.backwards or placed or more:
            counted = ("start" if telling.backwards else "end") in asked
            found = _numbered(found, counted=counted, backwards=telling.backwards)
        within = found.c.r <= limit if more and limit is not None else None
        lines = {group: _if(within, found.c[f"j{group}"]) for group in groups}
        return _Page(found, lines, limit if more else None)

    def _line(self, group: int) -> Expression:
        found = self.node.outputs[group]
        if not isinstance(found, Group):
            raise AssertionError("rows are told of by a group of their members")
        return self.writer.object_of(self.writer.members(self.node, found.members))

    def _token_list(self) -> Expression:
        dialect = self.writer.dialect
        return list_text([dialect.json_value(self.writer.scalar(self.node, each)) for each in self.telling.place])

    # --- where the page stands ---

    def _place(self, member: TellPage, page: _Page | None) -> Expression:
        parts: list[Expression] = []
        for index, (name, what) in enumerate(member.members):
            parts += [text_literal("," if index else "{"), key_of(name, bound=True), self._said(what, page)]
        return concat([*parts, text_literal("}")]) if parts else text_literal("{}")

    def _said(self, what: str, page: _Page | None) -> Expression:
        kind, _, word = what.partition(":")
        if kind == "word":
            return word_text(word)
        if kind in ("has_next", "has_previous"):
            return _truth(self._more(page) if (kind == "has_previous") == self.telling.backwards else self._outside())
        if kind not in ("start", "end") or page is None:
            raise AssertionError("there is no such thing to tell of a page")
        return self._token(page, first=(kind == "start") != self.telling.backwards)

    def _more(self, page: _Page | None) -> sa.ColumnElement[bool] | None:
        """One row more was found than the page has."""
        return None if page is None or page.limit is None else sa.func.count() > page.limit

    def _outside(self) -> sa.ColumnElement[bool] | None:
        """There is a row on the other side of the place at which the page begins."""
        telling, outside = self.telling, []
        if telling.beyond is not None:
            beyond = self.writer.condition(self.node, telling.beyond)
            outside.append(sa.not_(sa.func.coalesce(beyond, sa.false())))
        if self.node.offset is not None:
            outside.append(self.writer.dialect.offset(self.node.offset) > _ZERO)
        if not outside:
            return None
        # In the order of the ask those come first: one row tells, and an index can give it.
        node = replace(self.node, limit=None, offset=None, order=self.node.order if telling.beyond is not None else ())
        first = self._rows(node, [sa.or_(*outside)]).limit(_ONE).scalar_subquery()
        return sa.func.coalesce(first, sa.false(), type_=sa.Boolean())

    def _token(self, page: _Page, *, first: bool) -> Expression:
        """The token of the row that was found first, or last, of those on the page; `null` where there is none."""
        columns, limit = page.source.c, page.limit
        if first:
            meant = columns.r == _ONE if limit is None else sa.and_(columns.r == _ONE, columns.r <= limit)
        else:
            meant = columns.r == (columns.n if limit is None else sa.case((columns.n > limit, limit), else_=columns.n))
        text = sa.func.max(sa.case((meant, columns.k)), type_=sa.Text())
        return sa.func.coalesce(token_text(text, self.writer.dialect), text_literal("null"))


def _numbered(rows: sa.Subquery, *, counted: bool, backwards: bool) -> sa.Subquery:
    """The rows with their numbers `r` in the order in which they were found, and their number `n`."""
    number = cast("Expression", sa.func.row_number().over().label("r"))
    columns: list[Any] = [*rows.c, number]
    if counted:
        columns.append(sa.func.count().over().label("n"))
    numbered = sa.select(*columns).select_from(rows)
    return (numbered.order_by(number.desc()) if backwards else numbered).subquery("q")


def _if(condition: sa.ColumnElement[bool] | None, value: Expression) -> Expression:
    return value if condition is None else sa.case((condition, value))


def _truth(condition: sa.ColumnElement[bool] | None) -> Expression:
    if condition is None:
        return text_literal("false")
    return sa.case((condition, text_literal("true")), else_=text_literal("false"))
