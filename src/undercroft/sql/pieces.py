"""The members of a row of an answer, each as JSON text, and how they become an object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.plan import Token, Word
from undercroft.sql.dialect import Dialect, Expression, Scalar
from undercroft.sql.text import concat, constant, key_of, text_literal


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One member of an answer's object: its name, and its value ready as JSON text."""

    name: Expression
    """`"name":` as text"""
    value: Expression
    plain: str
    scalar: Scalar | None
    """The value before it became JSON, where it is one."""
    aggregate: bool = False
    """It says the same of every row of a group: groups are not made by it."""
    members: tuple[Piece, ...] = ()
    """Of an object within the row."""


def leaves_of(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces, and those within objects in the place of the objects."""
    for piece in pieces:
        if piece.members:
            yield from leaves_of(piece.members)
        else:
            yield piece


def object_text(pieces: Sequence[Piece], stripping: Dialect | None = None) -> Expression:
    """The text of a JSON object; `stripping` leaves out the members that are null, in the words of a dialect."""
    if not pieces:
        return text_literal("{}")
    if stripping is not None:
        members = [
            sa.func.coalesce(
                text_literal(",")
                .concat(piece.name)
                .concat(sa.func.nullif(_stripped(piece, stripping), text_literal("null"))),
                text_literal(""),
            )
            for piece in pieces
        ]
        return concat([text_literal("{"), sa.func.substr(concat(members), 2), text_literal("}")])
    return concat(_parts(pieces))


def _parts(pieces: Sequence[Piece]) -> list[Expression]:
    """The texts of an object, with those of the objects within it among them."""
    parts: list[Expression] = []
    for index, piece in enumerate(pieces):
        inner = _parts(piece.members) if piece.members else [piece.value]
        parts += [text_literal("," if index else "{"), piece.name, *inner]
    return [*parts, text_literal("}")]


def _stripped(piece: Piece, dialect: Dialect) -> Expression:
    is_json = piece.scalar is not None and piece.scalar.kind in JSONS
    return dialect.without_nulls(piece.value) if is_json else piece.value


def renamed(scalar: Scalar, names: Sequence[tuple[str, str]]) -> Scalar:
    """A text that is shown by other names than the database has for it."""
    cases = [(scalar.element == text_literal(word), text_literal(name)) for word, name in names]
    return Scalar(sa.case(*cases, else_=scalar.element), Kind.TEXT)


def as_scalar(piece: Piece) -> Scalar:
    """An embed or an object as a field of CSV; one row that is not there is no value."""
    return Scalar(sa.func.nullif(piece.value, text_literal("null")), Kind.JSON)


def word_text(text: str) -> Expression:
    """A text of a protocol's own as JSON."""
    return constant(json.dumps(text, ensure_ascii=False))


def word_piece(word: Word) -> Piece:
    """A text of a protocol's own as a member."""
    return Piece(key_of(word.name, bound=True), word_text(word.text), word.name, None, aggregate=True)


def group_piece(name: str, members: tuple[Piece, ...], text: Expression) -> Piece:
    """An object within the row."""
    return Piece(key_of(name, bound=True), text, name, None, members=members)


def token_piece(token: Token, scalars: Sequence[Scalar], dialect: Dialect) -> Piece:
    """A row's token as a member."""
    values = [dialect.json_value(scalar) for scalar in scalars]
    value = token_text(list_text([*map(word_text, token.words), *values]), dialect)
    return Piece(key_of(token.name, bound=True), value, token.name, None)


def list_text(values: Sequence[Expression]) -> Expression:
    """JSON texts as a list, with the white space that jsonb has."""
    parts: list[Expression] = [text_literal("[")]
    for index, value in enumerate(values):
        parts += [*([text_literal(", ")] if index else []), value]
    return concat([*parts, text_literal("]")])


def token_text(text: Expression, dialect: Dialect) -> Expression:
    """A text as the JSON string of its token; NULL for NULL."""
    return concat([text_literal('"'), dialect.token(text), text_literal('"')])
