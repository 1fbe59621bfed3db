"""Documents against which a server of GraphQL has to be on its guard (F1 to F4), and how they are sent."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.api.scenario import Persona, Place, Reply, Request, get, send

PATH = "/graphql/v1"


def asked(document: str, variables: Mapping[str, Any] | None = None, operation: str | None = None) -> Request:
    """A document, by POST."""
    body = {"query": document, "variables": variables or {}, "operationName": operation}
    return send("POST", PATH, body)


def by_get(document: str) -> Request:
    """A document, by GET."""
    return get(f"{PATH}?{urlencode({'query': document})}")


def persisted(document: str | None, of: str) -> Request:
    """A document with its hash, or the hash of one alone."""
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(of.encode()).hexdigest()}}
    return send("POST", PATH, {"extensions": extensions} | ({"query": document} if document is not None else {}))


_ASKING: ContextVar[bool] = ContextVar("asking", default=False)
"""Set while a request is carried out, and in nothing that the house does by itself meanwhile."""


@contextmanager
def statements(place: Place) -> Iterator[list[str]]:
    """What a request sends to the engine, reads and transactions; a read that is begun anew elsewhere is one."""
    said: list[str] = []
    engine: Any = place.house.engine
    now, slow = engine.read_now, engine.read_slow
    begin = engine.transaction

    def read_now(text: str, args: Sequence[object]) -> Any:
        if _ASKING.get():
            said.append(text)
        return now(text, args)

    async def read_slow(text: str, args: Sequence[object], *more: Any) -> Any:
        if _ASKING.get() and text not in said[-1:]:
            said.append(text)
        return await slow(text, args, *more)

    def transaction(*given: Any, **named: Any) -> Any:
        if _ASKING.get():
            said.append("a transaction")
        return begin(*given, **named)

    engine.read_now, engine.read_slow, engine.transaction = read_now, read_slow, transaction
    asking = _ASKING.set(True)
    try:
        yield said
    finally:
        _ASKING.reset(asking)
        engine.read_now, engine.read_slow, engine.transaction = now, slow, begin


class Asking(NamedTuple):
    """What came of one request, and what it cost."""

    reply: Reply
    seconds: float
    statements: int


def ask(place: Place, request: Request, who: Persona) -> Asking:
    """Ask, and look at the processor's clock and at the engine."""
    with statements(place) as said:
        begun = time.process_time()
        reply = place.ask(request, who)
        took = time.process_time() - begun
    return Asking(reply, took, len(said))


def memory() -> int:
    """Megabytes that this process has ever had at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def many(template: str, count: int, joint: str = " ") -> str:
    """A text many times, `#` being its number."""
    return joint.join(template.replace("#", str(number)) for number in range(count))


NODES = "{edges {node {id}}}"
SCHEMA_TYPES = "fields {name type {name}}"
HOSTILE: Mapping[str, str] = {
    # F1
    "1,000 aliases of a collection": f"{{{many(f'a#: notesCollection {NODES}', 1_000)}}}",
    "101 aliases of a collection": f"{{{many(f'a#: notesCollection {NODES}', 101)}}}",
    "1,000 aliases of a column": f"{{notesCollection {{edges {{node {{{many('a#: id', 1_000)}}}}}}}}}",
    "1,000 aliases of a word": f"{{{many('a#: __typename', 1_000)}}}",
    "1,000 aliases in operations that are not meant": f"query A {{__typename}} {many('query B# {a: __typename}', 1_000)}",
    "aliased writes": f"mutation {{{many('a#: insertIntoInboxCollection(objects: [{text: 1}]) {affectedCount}', 500)}}}",
    "pages within pages": "{" + "notesCollection {edges {node {" * 1 + "notesCollection {edges {node {" * 4 + "id" + "}}}" * 5 + "}",
    # F2
    "aliases times spreads": f"{{{many('...F', 50)}}} fragment F on Query {{{many('a#: __typename', 50)}}}",
    "doubling fragments": "{...F0} " + "".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}} " for n in range(60))
    + "fragment F60 on Query {__typename}",
    "a circle of two": "{...A} fragment A on Query {...B} fragment B on Query {...A}",
    "a circle of one": "{...A} fragment A on Query {__typename ...A}",
    "a circle below a field": "{notesCollection {edges {node {...A}}}} fragment A on Notes {id notesCollection {edges {node {...A}}}}",
    "a circle that nobody spreads": "{__typename} fragment A on Query {...A}",
    "a circle of 300": "{...F0} " + "".join(f"fragment F{n} on Query {{...F{(n + 1) % 300}}} " for n in range(300)),
    "a chain of 500": "{...F0} " + "".join(f"fragment F{n} on Query {{...F{n + 1}}} " for n in range(500))
    + "fragment F500 on Query {__typename}",
    "fragments in place": "{" + "... {" * 300 + "__typename" + "}" * 301,
    "all spread all": f"{{...F0}} {' '.join(f'fragment F{n} on Query {{__typename ' + many('...F#', 50) + '}' for n in range(40))}",
    "10,000 directives": "{__typename" + " @include(if: true)" * 10_000 + "}",
    "10,000 directives of no name": "{__typename" + " @a" * 10_000 + "}",
    "51 directives": "{" + "__typename @include(if: true) " * 51 + "}",
    "directives times spreads": f"{{{many('...F', 20)}}} fragment F on Query {{{'__typename @skip(if: false) ' * 20}}}",
    "10,000 tokens": f"{{{many('__typename', 10_000)}}}",
    "10,000 comments": "#\n" * 10_000 + "{__typename",
    "fields that are compared": f"{{{many('notesCollection {edges {node {id title}}}', 500)}}}",
    "fields that do not go together": f"{{{many('notesCollection {edges {node {id}}}', 80)} notesCollection {{edges {{node {{id: title}}}}}}}}",
    "a deep selection": "{" + "notesCollection {edges {node {" * 300 + "id" + "}}}" * 300 + "}",
    "a deep list": "{notesCollection(filter: {id: {in: " + "[" * 3_000 + "]" * 3_000 + "}}) {edges {cursor}}}",
    "a deep object": "{notesCollection(filter: " + "{not: " * 3_000 + "{}" + "}" * 3_000 + ") {edges {cursor}}}",
    "a deep type": "query ($v: " + "[" * 3_000 + "Int" + "]" * 3_000 + ") {__typename}",
    "1,000 variables": f"query ({many('$v#: Int', 1_000)}) {{__typename}}",
    "1,000 arguments": f"{{notesCollection({many('first: 1', 1_000)}) {{edges {{cursor}}}}}}",
    "1,000 unknown fields": f"{{{many('nope#', 1_000)}}}",
    "1,000 unknown arguments": f"{{notesCollection({many('nope#: 1', 600)}) {{edges {{cursor}}}}}}",
    "1,000 filters of no name": f"{{notesCollection(filter: {{{many('nope#: 1', 600)}}}) {{edges {{cursor}}}}}}",
    "a number of a million digits": f"{{notesCollection(first: {'9' * 1_000_000}) {{edges {{cursor}}}}}}",
    "a number of 60,000 digits": f"{{notesCollection(first: {'9' * 60_000}) {{edges {{cursor}}}}}}",
    "a text of a million letters": f'{{node(nodeId: "{"x" * 1_000_000}") {{nodeId}}}}',
    "a text of 60,000 letters": f'{{node(nodeId: "{"x" * 60_000}") {{nodeId}}}}',
    "a text without end": '{node(nodeId: "' + '\\"' * 30_000,
    "a block without end": '{node(nodeId: """' + '\\"""' * 15_000,
    "a name of 60,000 letters": f"{{{'x' * 60_000}}}",
    "definitions of types": many("type T# {a: Int}", 300),
    "a subscription": "subscription {__typename}",
    "nothing": "",
    "braces": "{" * 60_000,
    "not even text": "\x00\x01\ufffe" * 20_000,
    # F3, F4
    "the schema many times": f"{{{many('s#: __schema {types {' + SCHEMA_TYPES + '}}', 90)}}}",
    "the schema in depth": "{__schema {types {fields {type {fields {type {fields {name}}}}}}}}",
    "the schema without end": "{__schema {queryType {" + "ofType {" * 200 + "name" + "}" * 203,
    "the schema by fragments": "{__schema {types {...T}}} fragment T on __Type {fields {type {...U}}} fragment U on __Type "
    "{possibleTypes {name}}",
}  # fmt: skip
"""Documents that are refused, whoever sends them."""

AS_A_TOOL = (
    "query IntrospectionQuery {__schema {queryType {name} mutationType {name} types {...FullType}}} fragment FullType on "
    "__Type {kind name fields(includeDeprecated: true) {name args {...InputValue} type {...TypeRef}} inputFields "
    "{...InputValue}} fragment InputValue on __InputValue {name type {...TypeRef} defaultValue} fragment TypeRef on __Type "
    "{kind name ofType {kind name ofType {kind name ofType {kind name}}}}"
)
INTROSPECTION: Mapping[str, tuple[str, dict[str, Any], str | None]] = {
    "plainly": ("{__schema {types {name}}}", {}, None),
    "by another name": ("{notes: __schema {types {name}}}", {}, None),
    "a type": ('{__type(name: "Notes") {name fields {name}}}', {}, None),
    "a type, by another name": ('{id: __type(name: "Notes") {id: name fields {name}}}', {}, None),
    "a type by a variable": ("query ($n: String!) {__type(name: $n) {fields {name}}}", {"n": "Notes"}, None),
    "a type by a default": ('query ($n: String! = "Notes") {__type(name: $n) {fields {name}}}', {}, None),
    "in a fragment in its place": ('{... {__type(name: "Notes") {fields {name}}}}', {}, None),
    "in a fragment on the type": ('{... on Query {__type(name: "Notes") {fields {name}}}}', {}, None),
    "in fragments in places": ('{... {... on Query {... {__type(name: "Notes") {fields {name}}}}}}', {}, None),
    "in a fragment": ('{...F} fragment F on Query {__type(name: "Notes") {fields {name}}}', {}, None),
    "in fragments": ("{...F} fragment F on Query {...G} fragment G on Query {__schema {types {name}}}", {}, None),
    "through a fragment": ("{__schema {...S}} fragment S on __Schema {types {name}}", {}, None),
    "beside data": (f"{{notesCollection {NODES} __schema {{types {{name}}}}}}", {}, None),
    "behind data": (f'{{notesCollection {NODES} ... on Query {{x: __type(name: "Notes") {{fields {{name}}}}}}}}', {}, None),
    "where a variable says so": ("query ($v: Boolean!) {__schema @include(if: $v) {types {name}}}", {"v": True}, None),
    "where a variable says no": ("query ($v: Boolean!) {__schema @skip(if: $v) {types {name}}}", {"v": False}, None),
    "in one of several operations": ("query A {__typename} query B {__schema {types {name}}}", {}, "B"),
    "between commas and comments": ("\ufeff,,{,#{\n__schema#}\n,{,types,{,name,},},}", {}, None),
    "for its directives": ("{__schema {directives {name args {name}} queryType {name fields {name}}}}", {}, None),
    "for possible types": ('{__type(name: "Node") {possibleTypes {name}}}', {}, None),
    "for what may be inserted": ('{__type(name: "NotesInsertInput") {inputFields {name}}}', {}, None),
    "in a mutation": ("mutation {__schema {types {name}}}", {}, None),
    "as a tool asks": (AS_A_TOOL, {}, "IntrospectionQuery"),
}  # fmt: skip
"""Ways to ask for the schema: document, variables and the name of the operation."""


def deep(levels: int, opening: str = "[", closing: str = "]") -> bytes:
    """A message whose variables are nested."""
    inside = opening * levels + "1" + closing * levels
    return json.dumps({"query": "query ($v: JSON) {__typename}", "variables": {"v": 0}}).replace("0", inside).encode()
