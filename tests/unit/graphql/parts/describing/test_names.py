"""Names: as they are and inflected, and what becomes of those that are the same or are none."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from undercroft.catalog.reader import read_catalog
from undercroft.graphql.parts.describing.directives import Directive, Directives
from undercroft.graphql.parts.describing.names import Names, name_all
from undercroft.graphql.parts.describing.naming import field_name, is_name, own_name, type_name, word_name


@pytest.mark.parametrize(
    ("name", "type_", "field"),
    [
        ("blog_post", "BlogPost", "blogPost"),
        ("BlogPost", "BlogPost", "blogPost"),
        ("createdAt", "CreatedAt", "createdAt"),
        ("a", "A", "a"),
        ("http2_url", "Http2Url", "http2Url"),
        ("trailing_", "Trailing", "trailing"),
        ("two__parts", "TwoParts", "twoParts"),
        ("_private_note", "_privateNote", "_privateNote"),
        ("__", "__", "__"),
    ],
)
def test_inflection(name: str, type_: str, field: str) -> None:
    assert (type_name(name, inflect=True), field_name(name, inflect=True)) == (type_, field)
    assert (type_name(name, inflect=False), field_name(name, inflect=False)) == (name, name)


def test_what_a_key_speaks_of() -> None:
    found = {name: own_name(name) for name in ("owner_id", "ownerId", "ownerID", "owner_ID", "id", "_id", "paid", "Id")}
    assert found == {
        "owner_id": "owner", "ownerId": "owner", "ownerID": "ownerID", "owner_ID": "owner",
        "id": "id", "_id": "_id", "paid": "paid", "Id": "Id",
    }  # fmt: skip


def test_names_and_words() -> None:
    assert [is_name(name) for name in ("a", "_a", "__a", "1a", "a-b", "ä", "")] == [True, True, *[False] * 5]
    assert [word_name(word) for word in ("OK", "aead-ietf", "1st", "true", "")] == [
        "OK", "aead_ietf", "VALUE_1st", "VALUE_true", "VALUE_",
    ]  # fmt: skip


def named(*tables: sa.Table, directives: Directives | None = None, inflect: bool = True) -> Names:
    return name_all(read_catalog(tables[0].metadata), directives or Directives(), inflect=inflect)


def relations(names: Names, table: str) -> list[str]:
    return list(names.relations[table].values())


def _table(name: str, metadata: sa.MetaData, *columns: sa.Column[object]) -> sa.Table:
    return sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)


def test_keys_between_the_same_tables() -> None:
    """The first key has the plain name; the others say by which column. Names given in a directive come first."""
    metadata = sa.MetaData()
    people = _table("person", metadata, sa.Column("best_friend_id", sa.ForeignKey("person.id")))
    _table(
        "message",
        metadata,
        sa.Column("sender_id", sa.ForeignKey("person.id")),
        sa.Column("receiver_id", sa.ForeignKey("person.id")),
        sa.Column("sender", sa.Text),
        sa.Column("box", sa.ForeignKey("person.id")),
    )
    names = named(people)
    assert relations(names, "message") == ["personBySender", "receiver", "person"]
    assert relations(names, "person") == [
        "bestFriend", "messageCollection", "messageCollectionByReceiver", "messageCollectionByBox", "personCollection",
    ]  # fmt: skip
    said = Directives(
        constraints={("message", "message_receiver_id_fkey"): Directive(local_name="inbox", foreign_name="to")}
    )
    names = named(people, directives=said)
    assert set(relations(names, "message")) == {"to", "personBySender", "person"}
    assert "inbox" in relations(names, "person")


def test_junctions() -> None:
    metadata = sa.MetaData()
    first = _table("post", metadata)
    _table("tag", metadata, sa.Column("post_id", sa.ForeignKey("post.id")))
    for name in ("post_tag", "hidden_tag"):
        sa.Table(
            name,
            metadata,
            sa.Column("post_id", sa.ForeignKey("post.id"), primary_key=True),
            sa.Column("tag_id", sa.ForeignKey("tag.id"), primary_key=True),
        )
    names = named(first)
    assert set(relations(names, "post")) == {
        "tagCollection", "postTagCollection", "hiddenTagCollection", "tagCollectionViaPostTag",
        "tagCollectionViaHiddenTag",
    }  # fmt: skip
    assert set(relations(names, "tag")) == {
        "post", "postTagCollection", "hiddenTagCollection", "postCollection", "postCollectionViaPostTag",
    }  # fmt: skip


def test_what_has_no_name_is_left_out_and_told() -> None:
    metadata = sa.MetaData()
    _table("Query", metadata)
    _table("order lines", metadata)
    _table("blog", metadata, sa.Column("node_id", sa.Text), sa.Column("full name", sa.Text), sa.Column("__x", sa.Text))
    last = _table("blog_edge", metadata)
    names = named(last)
    assert dict(names.tables) == {"blog": "Blog"}
    assert [told for (table, _), told in names.columns.items() if table == "blog"] == ["id", "_x"]
    assert len(names.problems) == 5
    assert all("is left out of GraphQL" in problem and "another name" in problem for problem in names.problems)
    said = Directives(tables={"blog_edge": Directive(name="Rim")}, columns={("blog", "full name"): Directive(name="n")})
    names = named(last, directives=said)
    assert names.tables["blog_edge"] == "Rim"
    assert names.columns["blog", "full name"] == "n"


def test_collections_of_one_name() -> None:
    metadata = sa.MetaData()
    names = named(_table("Blog", metadata), _table("blog", metadata), inflect=False)
    assert dict(names.tables) == {"Blog": "Blog"}
    assert "another collection is called blogCollection" in names.problems[0]


def test_enumerations() -> None:
    metadata = sa.MetaData()
    mood = sa.Enum("so-so", "good", name="mood")
    one = _table("pet", metadata, sa.Column("mood", mood), sa.Column("size", sa.Enum("S", "M", native_enum=False)))
    _table("owner", metadata, sa.Column("mood", sa.Enum("so-so", "good", name="mood")))
    _table("zoo", metadata, sa.Column("mood", sa.Enum("other", name="mood")))
    names = named(one)
    found = {place: (each.name, dict(each.words)) for place, each in names.enumerations.items()}
    assert found["pet", "mood"] == found["owner", "mood"] == ("Mood", {"so_so": "so-so", "good": "good"})
    assert found["pet", "size"] == ("PetSize", {"S": "S", "M": "M"})
    assert found["zoo", "mood"] == ("ZooMood", {"other": "other"})
    taken = sa.MetaData()
    clashing = named(_table("cell", taken, sa.Column("a", sa.Enum("x", name="int_filter")))).enumerations
    assert clashing["cell", "a"].name == "CellA"
