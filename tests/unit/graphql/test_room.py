"""GraphQL over HTTP: media types, statuses, methods, batches, persisted documents, the page. What answers stands in."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault, Overloaded
from undercroft.graphql.errors import SyntaxFault, ValidationFault, mutation_by_get
from undercroft.graphql.parts.http.messages import Message, Outcome
from undercroft.graphql.parts.http.page import GraphiQL
from undercroft.graphql.parts.http.persisted import Persisted
from undercroft.graphql.room import GraphqlRoom, RoomSettings
from undercroft.rest.response import fault_headers
from undercroft.web.door import Door, DoorSettings
from undercroft.web.types import Request

pytestmark = pytest.mark.anyio

RESPONSE = ("accept", "application/graphql-response+json")
JSON = ("accept", "application/json")
BROWSER = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
SENT = ("content-type", "application/json")

FAULTS: dict[str, Fault] = {
    "{": SyntaxFault("Syntax Error: Expected Name, found <EOF>.", locations=[(1, 2)]),
    "{nope}": ValidationFault("no field", locations=[(1, 2)], more=[ValidationFault("nor this", locations=[(2, 1)])]),
    "{taken}": Fault("duplicate key", code="23505", details="(id)=(1)"),
    "{denied}": Fault("permission denied", code="42501"),
    "{busy}": Overloaded("the server is busy", retry_after=3),
    "{broken}": Fault("canary-inside", code="XX000", details="canary-inside"),
}


class Standin:
    """Answers at once or later, as the document says; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Message] = []

    def answer(
        self, message: Message, request: Request, *, reads_only: bool, keep: object = None
    ) -> Outcome | Awaitable[Outcome]:
        self.asked.append(message)
        if message.query.startswith("mutation") and reads_only:
            raise mutation_by_get()
        if "later" in message.query:
            return self._later(message)
        return self._now(message)

    async def _later(self, message: Message) -> Outcome:
        return self._now(message._replace(query=message.query.replace(" later", "")))

    def _now(self, message: Message) -> Outcome:
        if message.query == "{crash}":
            raise RuntimeError("canary-inside")
        if message.query in FAULTS:
            raise FAULTS[message.query]
        return Outcome(200, b'{"data":{"a":1}}')


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **told: self.lines.append((event, told))


def nobody(authorization: bytes | str | None, apikey: bytes | str | None) -> Actor:
    if apikey == b"none":
        raise Fault("that is no key", code="PGRST301")
    return ANONYMOUS


class House:
    """A door with this room alone behind it."""

    def __init__(self, **settings: Any) -> None:
        self.standin, self.log = Standin(), Log()
        given = RoomSettings(**settings)
        self.room = GraphqlRoom(self.standin, Persisted(), given, self.log, GraphiQL("<Club>"))
        told = DoorSettings(log_all=True)
        self.door = Door({b"/graphql/v1": self.room}, nobody, told, self.log, fault_headers=fault_headers)

    async def ask(
        self, method: str, *headers: tuple[str, str], query: str = "", body: bytes = b"", path: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        pairs = [(name.encode(), value.encode()) for name, value in headers]
        whole = f"/graphql/v1{path}"
        found = self.door.room_of(whole.encode())
        assert found is not None
        scope: dict[str, Any] = {"method": method, "path": whole, "query_string": query.encode(), "headers": pairs}
        await self.door(scope, receive, send, *found)
        told = {name.decode(): value.decode() for name, value in reversed(sent[0]["headers"])}
        assert b"canary" not in sent[1]["body"]
        return sent[0]["status"], told, sent[1]["body"]

    async def post(self, message: Any, *headers: tuple[str, str]) -> tuple[int, dict[str, str], Any]:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        status, told, answer = await self.ask("POST", SENT, *headers, body=body)
        return status, told, json.loads(answer)


@pytest.mark.parametrize("later", ["", " later"])
async def test_a_message_is_answered_in_the_type_that_is_wanted(later: str) -> None:
    house = House()
    message = {"query": "{a}" + later, "variables": {"n": 1}, "operationName": "", "extensions": {}}
    for accept, kind in [((), "application/json"), ((RESPONSE,), RESPONSE[1]), ((JSON,), JSON[1])]:
        status, headers, answer = await house.post(message, *accept)
        assert (status, answer) == (200, {"data": {"a": 1}})
        assert headers["content-type"] == f"{kind}; charset=utf-8"
    assert house.standin.asked[0] == Message("{a}" + later, {"n": 1}, None)


@pytest.mark.parametrize("later", ["", " later"])
async def test_what_was_not_carried_out_is_400_and_has_no_data(later: str) -> None:
    house = House()
    for accept, status in [((), 400), ((RESPONSE,), 400), ((JSON,), 200)]:
        found, _, answer = await house.post({"query": "{" + later}, *accept)
        assert found == status
        extensions = {"code": "UC440", "details": None, "hint": None}
        told = {"message": "Syntax Error: Expected Name, found <EOF>.", "locations": [{"line": 1, "column": 2}]}
        assert answer == {"errors": [{**told, "extensions": extensions}]}
    _, _, answer = await house.post({"query": "{nope}" + later})
    assert [each["message"] for each in answer["errors"]] == ["no field", "nor this"]


@pytest.mark.parametrize("later", ["", " later"])
@pytest.mark.parametrize("document", ["{taken}", "{denied}"])
async def test_what_went_wrong_meanwhile_is_200_with_errors(document: str, later: str) -> None:
    status, _, answer = await House().post({"query": document + later}, RESPONSE)
    fault = FAULTS[document]
    extensions = {"code": fault.code, "details": fault.details, "hint": None}
    assert status == 200
    assert answer == {"data": None, "errors": [{"message": fault.message, "extensions": extensions}]}


@pytest.mark.parametrize("later", ["", " later"])
async def test_a_server_that_cannot_answer_says_so_by_its_status(later: str) -> None:
    house = House()
    status, headers, answer = await house.post({"query": "{busy}" + later}, RESPONSE)
    assert (status, headers["retry-after"], headers["content-type"]) == (503, "3", f"{RESPONSE[1]}; charset=utf-8")
    assert answer["errors"][0]["extensions"]["code"] == "UC503"
    for document in ("{broken}", "{crash}"):
        status, _, answer = await house.post({"query": document + later}, JSON)
        assert (status, answer["errors"][0]["message"]) == (500, "Internal server error")


async def test_a_wrong_key_is_told_as_graphql_tells_it() -> None:
    status, headers, answer = await House().post({"query": "{a}"}, ("apikey", "none"))
    assert (status, answer["errors"][0]["extensions"]["code"]) == (401, "PGRST301")
    assert headers["www-authenticate"].startswith("Bearer")


async def test_only_json_is_taken_and_only_json_is_given() -> None:
    house = House()
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=a",
        "text/plain",
        "application/graphql",
    ):
        status, _, body = await house.ask("POST", ("content-type", kind), body=b'{"query": "{a}"}')
        assert (status, json.loads(body)["errors"][0]["extensions"]["code"]) == (415, "UC415")
    assert (await house.ask("POST", body=b'{"query": "{a}"}'))[0] == 415
    for accept in ("text/plain", "text/html", "application/json;q=0"):
        assert (await house.ask("POST", SENT, ("accept", accept), body=b'{"query": "{a}"}'))[0] == 406
    assert house.standin.asked == []


async def test_questions_by_get_and_no_mutations() -> None:
    house = House()
    variables = quote('{"n": 1}')
    status, _, body = await house.ask("GET", query=f"query={quote('{a}')}&variables={variables}&operationName=Q")
    assert (status, body) == (200, b'{"data":{"a":1}}')
    assert house.standin.asked == [Message("{a}", {"n": 1}, "Q")]
    assert (await house.ask("HEAD", query="query={a}"))[2] == b""
    for accept in (RESPONSE, JSON):
        status, headers, body = await house.ask("GET", accept, query="query=mutation{a}")
        assert (status, headers["allow"], json.loads(body)["errors"][0]["message"]) == (
            405, "POST", "a mutation is sent by POST",
        )  # fmt: skip
    assert (await house.ask("GET", JSON))[0] == 200  # a refusal, as who asks for this type wants it
    assert (await house.ask("GET", RESPONSE))[0] == 400
    assert (await house.ask("GET", query="query=" + "a" * 20_000))[0] == 414


async def test_documents_and_variables_are_not_written_into_the_log() -> None:
    house = House()
    secret = quote('{a(b: "canary-word")}')
    await house.ask("GET", query=f"query={secret}&variables={quote('{}')}")
    await house.post({"query": '{a(b: "canary-word")}', "variables": {"b": "canary-word"}})
    await house.ask("GET", query=f"query={secret}&query=a")
    assert len(house.log.lines) == 3
    assert "canary" not in repr(house.log.lines)


async def test_other_methods_and_paths() -> None:
    house = House()
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        status, headers, body = await house.ask(method)
        assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
        assert "errors" in json.loads(body)
    status, headers, _ = await house.ask("OPTIONS")
    assert (status, headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    for path in ("/x", "/graphiql", "/graphiql/../room.py", "/graphiql/NOTE.md"):
        assert (await house.ask("GET", RESPONSE, path=path))[0] == 404


async def test_messages_that_are_none() -> None:
    house = House()
    for body in (
        b"",
        b"[]",
        b"nonsense",
        {"qeury": "{a}"},
        {"query": ""},
        {"query": 7},
        {"query": "{a}", "variables": [7]},
    ):
        status, _, answer = await house.post(body)
        assert (status, answer["errors"][0]["extensions"]["code"]) == (400, "UC444")
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    assert (await house.post({"query": "{a}", "variables": {"a": deep}}))[0] == 400
    assert house.standin.asked == []
    status, _, answer = await house.ask("POST", SENT, ("idempotency-key", "a"), body=b'{"query": "{a}"}')
    assert (status, json.loads(answer)["errors"][0]["message"]) == (400, "Idempotency-Key is not taken here")


async def test_a_batch_is_answered_one_by_one() -> None:
    house = House(batch_limit=6)
    documents = ["{a}", "{", "{a} later", "{taken} later", "{busy}", "{broken}"]
    status, _, answers = await house.post([{"query": each} for each in documents], RESPONSE)
    assert status == 200
    assert [answer.get("data", "none") for answer in answers] == [{"a": 1}, "none", {"a": 1}, None, None, None]
    assert answers[5]["errors"][0]["message"] == "Internal server error"
    assert ("fault", {"code": "XX000", "message": "canary-inside", "details": "canary-inside"}) in house.log.lines
    house.standin.asked.clear()
    status, _, answer = await house.post([{"query": "{a}"}] * 7)
    assert (status, answer["errors"][0]["extensions"]["code"], house.standin.asked) == (400, "UC442", [])
    assert (await house.post([{"query": "{crash}"}]))[0] == 500


@pytest.mark.parametrize("later", ["", " later"])
async def test_a_document_is_kept_once_it_was_answered(later: str) -> None:
    house = House()

    async def by_hash(document: str, *, sent: bool) -> Any:
        told = {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}
        message = {"extensions": {"persistedQuery": told}} | ({"query": document} if sent else {})
        return (await house.post(message, RESPONSE))[2]

    for document in ("{nope}" + later, "{taken}" + later):
        await by_hash(document, sent=True)
        answer = await by_hash(document, sent=False)
        assert answer["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    document = "{a}" + later
    assert (await by_hash(document, sent=False))["errors"][0]["message"] == "PersistedQueryNotFound"
    assert await by_hash(document, sent=True) == {"data": {"a": 1}}
    assert await by_hash(document, sent=False) == {"data": {"a": 1}}
    told = quote(json.dumps({"persistedQuery": {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}}))
    assert (await house.ask("GET", RESPONSE, query=f"extensions={told}"))[2] == b'{"data":{"a":1}}'


async def test_browsers_are_shown_a_page_that_may_load_nothing_else() -> None:
    house = House()
    for query in ("", "query={a}"):
        status, headers, body = await house.ask("GET", BROWSER, ("apikey", "none"), query=query)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "default-src 'none'; script-src 'self'; " in headers["content-security-policy"]
        assert b"<title>&lt;Club&gt;</title>" in body
        assert b'<script src="v1/graphiql/graphiql.js"></script>' in body
    assert b'"graphiql/graphiql.js"' in (await house.ask("GET", BROWSER, path="/"))[2]
    for file in ("graphiql.js", "graphiql.css"):
        status, headers, body = await house.ask("GET", ("apikey", "none"), path=f"/graphiql/{file}")
        assert (status, len(body) > 10_000) == (200, True)
        known = await house.ask("GET", ("if-none-match", headers["etag"]), path=f"/graphiql/{file}")
        assert (known[0], known[2]) == (304, b"")
    assert (await house.ask("POST", BROWSER, SENT, body=b'{"query": "{a}"}'))[2] == b'{"data":{"a":1}}'
    assert len(house.standin.asked) == 1
