"""What the API is for a role."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from graphql import GraphQLSchema, assert_valid_schema, parse, validate

from tests.unit.graphql.models import Account, Base, Blog
from undercroft.access.policy import ColumnRule, Command, Policy, rules_of
from undercroft.access.scope import catalog_for
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.rights import rights_of
from undercroft.graphql.parts.describing.tables import Options, describe, outline
from undercroft.graphql.schema import build_schema

CATALOG = read_catalog(Base.metadata, mappers=mappers_of(Base))


def _policy(table: str, *commands: Command) -> Policy:
    return Policy(table, table, frozenset(commands), lambda _: sa.true(), lambda _: sa.true(), frozenset({"reader"}))


RULES = rules_of(
    [
        _policy("account", "select"),
        _policy("blog", "select", "update", "insert"),
        _policy("blog_post", "insert", "update", "delete"),
        _policy("post_tag", "select", "delete"),
        _policy("tag", "select"),
    ],
    [
        ColumnRule("account", "hide", frozenset({Account.__table__.c.secret.name})),
        ColumnRule("blog", "read_only", frozenset({"views"})),
        ColumnRule("blog", "preset", frozenset({Blog.__table__.c.owner_id.name})),
        ColumnRule("tag", "hide", frozenset({"label"})),
    ],
)


def described(role: str, **options: Any) -> Described:
    """The API of a role over the models."""
    catalog = catalog_for(role, CATALOG, RULES)
    return describe(outline(CATALOG, Options(**options)), catalog, rights_of(catalog, RULES, role))


def schema_of(found: Described) -> GraphQLSchema:
    """Its schema, which graphql-core finds whole."""
    schema = build_schema(found)
    schema._validation_errors = None  # it was assumed
    assert_valid_schema(schema)
    return schema


def test_each_role_has_its_own() -> None:
    service, reader, nobody = described("service_role"), described("reader"), described("nobody")
    assert set(service.tables) == {"account", "blog", "blog_post", "tag", "post_tag", "profile"}
    assert set(reader.tables) == {"account", "blog", "blog_post", "post_tag"}, "the key of tag is hidden"
    assert not nobody.tables
    for each in (service, reader, nobody):
        schema_of(each)

    blog = reader.tables["blog"]
    assert blog.inserts is not None
    assert blog.updates is not None
    assert set(blog.inserts) == set(blog.updates) == {"editorId", "title", "price", "config"}
    assert not blog.deletes
    post = reader.tables["blog_post"]
    assert (post.readable, post.deletes, dict(post.columns)) == (False, False, {})
    assert post.inserts is not None
    assert post.updates is None
    assert set(post.inserts) == {"id", "blogId", "status", "draft"}
    assert set(reader.tables["account"].columns) == {"id", "email", "createdAt"}
    assert reader.tables["post_tag"].deletes
    assert reader.tables["post_tag"].updates is None


def test_a_field_leads_only_where_its_role_may_read() -> None:
    service, reader = described("service_role"), described("reader")
    assert set(service.tables["blog"].relations) == {"owner", "editor", "blogPostCollection"}
    assert set(reader.tables["blog"].relations) == {"owner", "editor"}
    assert set(service.tables["account"].relations) == {"blogCollection", "blogCollectionByEditor", "profile"}
    assert set(service.tables["blog_post"].relations) == {"blog", "postTagCollection", "tagCollection"}
    assert service.tables["blog"].relations["owner"].nonnull, "no row is hidden from it"
    assert not service.tables["blog"].relations["editor"].nonnull
    assert not reader.tables["blog"].relations["owner"].nonnull


def test_what_comments_say() -> None:
    service = described("service_role")
    account, blog = service.tables["account"], service.tables["blog"]
    assert (account.total_count, account.aggregate, account.max_rows, account.description) == (
        True,
        False,
        30,
        "People.",
    )
    assert (blog.total_count, blog.aggregate, blog.max_rows, blog.description) == (False, True, 5, None)
    assert blog.columns["title"].description == "What it is called."


def test_types_of_columns() -> None:
    blog, post = (described("service_role").tables[name] for name in ("blog", "blog_post"))
    assert {name: (each.type_, each.nonnull, each.orderable) for name, each in blog.columns.items()} == {
        "id": ("Int", True, True),
        "ownerId": ("Int", True, True),
        "editorId": ("Int", False, True),
        "title": ("String", True, True),
        "views": ("BigInt", True, True),
        "price": ("BigFloat", False, True),
        "config": ("JSON", False, False),
    }
    assert post.columns["status"].type_ == "PostStatus"
    assert post.columns["draft"].operators == ("eq", "is")
    assert blog.columns["config"].operators == ()
    assert "regex" in blog.columns["title"].operators
    assert "regex" not in described("service_role", regular=False).tables["blog"].columns["title"].operators


def test_names_as_they_are() -> None:
    plain = described("service_role", inflect_names=False)
    assert plain.tables["blog_post"].name == "blog_post"
    assert plain.tables["blog_post"].collection == "blog_postCollection"
    assert set(plain.tables["blog"].relations) == {"owner", "editor", "blog_postCollection"}
    schema_of(plain)


def test_documents_meet_the_schema() -> None:
    schema = schema_of(described("service_role"))
    document = """
    query Q($after: Cursor) {
      blogCollection(first: 2, after: $after,
                     filter: {or: [{title: {startsWith: "a"}}, {views: {gt: "9007199254740993"}}]},
                     orderBy: [{price: DescNullsLast}]) {
        edges { cursor node { nodeId title owner { profile { id } } blogPostCollection { pageInfo { hasNextPage } } } }
        aggregate { count sum { views price } max { title } }
      }
      node(nodeId: "x") { ... on BlogPost { status tagCollection { edges { node { label } } } } }
    }
    mutation M {
      insertIntoAccountCollection(objects: [{email: "a"}],
                                  onConflict: {constraint: account_email_key, updateColumns: [createdAt]}) {
        affectedCount records { id }
      }
      updateBlogCollection(set: {price: 1.5, config: "{}"}, filter: {nodeId: {eq: "x"}}, atMost: 3) { affectedCount }
      deleteFromPostTagCollection(filter: {not: {}}) { records { nodeId } }
    }"""
    assert validate(schema, parse(document)) == []
