"""Requests side by side with what is asked, planned, said to the database, and answered.

Each file of `sql/` is a list of cases over `library.py`. `request` (with `as`, `headers` and `body`) is written by
hand, the rest by `python -m tests.golden.test_sql`, which reads every file and writes it anew. Look at the difference
before you commit.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from tests.golden.library import ADA, BEN, ROWS, library
from undercroft import auth
from undercroft.app import House
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine
from undercroft.ops.explaining.asked import asked_lines
from undercroft.query.ask import Limit, Page, ReadAsk, TellPage, TellRows, TellTotal, TellWord
from undercroft.query.bind import bind_read, bind_write
from undercroft.query.plan import (
    Aggregates,
    Bound,
    Compare,
    Embed,
    EmbedExists,
    Group,
    Item,
    Node,
    Order,
    Telling,
    Token,
    Tree,
    Word,
    WritePlan,
)
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.payload import read_payload
from undercroft.rest.request import Reader

FOLDER = Path(__file__).parent / "sql"
FILES = sorted(FOLDER.glob("*.toml"))
WHO = {"anon": None, "ada": ("authenticated", ADA), "ben": ("authenticated", BEN), "service": ("service_role", None)}
GIVEN = ("request", "as", "headers", "body")
Case = dict[str, Any]


class Library:
    """The library, running; every write is undone."""

    def __init__(self, folder: Path) -> None:
        self.app = library()
        environment = {
            "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
            "UNDERCROFT_API_TX_END": "rollback",
            "UNDERCROFT_API_AGGREGATES": "true",
            "UNDERCROFT_API_MAX_ROWS": "0",
        }
        self.app.settings = Settings.load(None, environment)
        self.runner = asyncio.Runner()
        self.house: House = self.runner.run(self.app.start())
        self.said: list[tuple[str, list[object]]] = []
        assert isinstance(self.house.engine, SQLiteEngine)
        library_of_sqlite = self.house.engine.library.module
        connection = library_of_sqlite.connect(folder / "data" / "data.db")
        connection.executescript(ROWS)
        connection.close()
        self._listen()

    def close(self) -> None:
        self.runner.run(self.app.stop())
        self.runner.close()

    def _listen(self) -> None:
        """Note every statement, as it is said to the database."""
        engine, said = cast("Any", self.house.engine), self.said
        read, write = engine.read_now, engine.write

        def read_now(text: str, args: Sequence[object]) -> Any:
            said.append((text, list(args)))
            return read(text, args)

        async def noted(work: Callable[[Any], Any], **how: Any) -> Any:
            return await write(lambda cursor: work(Noting(cursor, said)), **how)

        engine.read_now = read_now
        engine.write = noted

    def outcome(self, case: Case) -> Case:
        """What a case's request becomes, stage by stage."""
        method, _, target = case["request"].partition(" ")
        role = (WHO[case.get("as", "anon")] or ("anon", None))[0]
        found: Case = {}
        reply = self.runner.run(self._ask(case, method, target))
        try:
            found |= self._stages(case, method, target, role)
        except Exception as error:
            if reply.status_code < 300:  # else the answer tells of it
                raise AssertionError(case["request"]) from error
        # The house has work of its own, on tables of its own, whenever its time has come.
        said = [(text, args) for text, args in self.said if "undercroft." not in text]
        found["sql"] = "\n;\n".join(_tidy(text) for text, _ in said)
        found["parameters"] = [json.dumps(args, ensure_ascii=False) for _, args in said]
        told = ("content-range", "location", "preference-applied")
        headers = {name: reply.headers[name] for name in told if name in reply.headers}
        found["answer"] = "\n".join(
            [str(reply.status_code), *(f"{name}: {value}" for name, value in headers.items()), "", reply.text]
        ).rstrip()
        return {name: value for name, value in found.items() if value not in ("", [])}

    async def _ask(self, case: Case, method: str, target: str) -> httpx2.Response:
        self.said.clear()
        who = WHO[case.get("as", "anon")]
        headers = dict(case.get("headers", {}))
        if who is not None:
            claims = {"role": who[0], "exp": int(time.time()) + 600} | ({"sub": who[1]} if who[1] else {})
            headers["authorization"] = f"Bearer {auth.sign(claims, self.house.keys.signing)}"
        transport = httpx2.ASGITransport(app=self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, f"/rest/v1{target}", headers=headers, content=case.get("body", ""))

    def _stages(self, case: Case, method: str, target: str, role: str) -> Case:
        path, _, query = target.partition("?")
        headers = [(name.lower().encode(), value.encode()) for name, value in case.get("headers", {}).items()]
        reader = Reader(Limits())
        shaped = reader.shape(method, path.encode(), query.encode(), headers)
        columns: tuple[str, ...] = ()
        if "body" in case:
            columns = read_payload(shaped.content, case["body"].encode(), Limits(), uneven=True).columns
        ask = reader.parse(shaped, columns).ask
        found: Case = {"ask": "\n".join(asked_lines(ask, shaped.values))}
        pipeline = self.house.pipeline
        guard, scope = pipeline.guard(role), pipeline.scope(role)
        if isinstance(ask, ReadAsk):
            return found | {"plan": "\n".join(node_lines(guard.read(bind_read(ask, scope)).node))}
        return found | {"plan": "\n".join(write_lines(guard.write(bind_write(ask, scope))))}


class Noting:
    """A cursor that notes what it is asked."""

    def __init__(self, cursor: Any, said: list[tuple[str, list[object]]]) -> None:
        self._cursor, self._said = cursor, said

    def all(self, text: str, args: Sequence[object] = ()) -> Any:
        self._said.append((text, list(args)))
        return self._cursor.all(text, args)

    def one(self, text: str, args: Sequence[object] = ()) -> Any:
        self._said.append((text, list(args)))
        return self._cursor.one(text, args)


# ---------------------------------------------------------------- plans, in words


def node_lines(node: Node, depth: int = 0) -> Iterator[str]:
    """A node, what stands at it, and the embeds below."""
    indent = "  " * depth
    yield f"{indent}{node.table.name} as {getattr(node.source, 'name', '')}"
    yield f"{indent}  shows {', '.join(_output(each) for each in node.outputs) or 'nothing'}"
    yield from (f"{indent}  where {_condition(term)}" for term in node.conditions)
    yield from (f"{indent}  by {_order(term)}" for term in node.order)
    if node.limit is not None or node.offset is not None:
        yield f"{indent}  page limit {_slot(node.limit)} offset {_slot(node.offset)}"
    if node.telling is not None:
        yield from (f"{indent}  {line}" for line in _telling(node.telling))
    yield f"{indent}  policy {_clause(node.policy)}"
    for embed in node.embeds():
        yield f"{indent}  {_relation(embed)}"
        yield from node_lines(embed.node, depth + 2)


def write_lines(plan: WritePlan) -> Iterator[str]:
    """A write: its columns, what must hold of the rows, and the rows it shows."""
    yield f"{plan.verb} {plan.table.name} ({', '.join(column.name for column in plan.columns)})"
    if plan.conflict:
        yield f"  on conflict ({', '.join(each.name for each in plan.conflict)}) {plan.resolution or 'merge'}"
    yield from (f"  where {_condition(term)}" for term in plan.targets)
    yield from (f"  preset {each.column.name} = {each.value}" for each in plan.presets)
    yield f"  existing rows {_clause(plan.using)}"
    yield f"  new rows {_clause(plan.insert_check)}"
    yield f"  changed rows {_clause(plan.update_check)}"
    if plan.returning:
        yield from node_lines(plan.node, 1)


def _output(output: Item) -> str:
    match output:
        case Embed():
            return f"[{output.name}]"
        case Group():
            return f"{output.name}={{{', '.join(_output(each) for each in output.members)}}}"
        case Token():
            return f"{output.name}=token({', '.join([*output.words, *(_field(each) for each in output.fields)])})"
        case Word():
            return f"{output.name}={output.text!r}"
    told = _field(output.field) if output.field else "*"
    told += f"::{output.cast}" if output.cast else ""
    told = f"{output.aggregate}({told})" if output.aggregate else told
    told += f"::{output.aggregate_cast}" if output.aggregate_cast else ""
    return f"{output.name}={told}" if output.renamed else told


def _telling(telling: Telling) -> Iterator[str]:
    for member in telling.members:
        match member:
            case TellRows():
                yield f"tells {member.name}: rows, of output {member.group}"
            case TellPage():
                yield f"tells {member.name}: page, {', '.join(f'{name}={what}' for name, what in member.members)}"
            case TellTotal():
                yield f"tells {member.name}: total"
            case TellWord():
                yield f"tells {member.name}: {member.text!r}"
            case Aggregates():
                yield f"tells {member.name}: aggregates, {', '.join(_output(each) for each in member.members)}"
    if telling.place:
        yield f"a place is {', '.join(_field(each) for each in telling.place)}"
    if telling.beyond is not None:
        yield f"{'before' if telling.backwards else 'behind'} {_condition(telling.beyond)}"


def _field(field: Bound) -> str:
    return field.column.name + "".join(f"{'->>' if step.as_text else '->'}{step.key}" for step in field.json)


def _condition(term: Any) -> str:
    match term:
        case Tree():
            inner = f" {term.operator} ".join(_condition(each) for each in term.terms)
            return f"{'not ' if term.negated else ''}({inner})"
        case EmbedExists():
            return f"[{term.embed.name}] {'is empty' if term.empty else 'has rows'}"
        case Compare():
            value = term.is_value if term.operator == "is" else _slot(term.value)
            quantified = f"({term.quantifier})" if term.quantifier else ""
            return f"{'not ' if term.negated else ''}{_field(term.field)} {term.operator}{quantified} {value}"
    raise AssertionError(term)


def _order(term: Order) -> str:
    of = f"[{term.embed.name}]." if term.embed else ""
    return f"{of}{_field(term.field)} {term.direction} nulls {term.nulls}"


def _relation(embed: Embed) -> str:
    relation = embed.relation
    way = f"through {embed.junction.table.name}" if embed.junction else f"by {relation.constraint}"
    kind = {"m2o": "many to one", "o2m": "one to many", "o2o": "one to one", "m2m": "many to many"}[relation.kind]
    how = f"{embed.join}{', spread' if embed.spread else ''}"
    policy = f", policy of the junction {_clause(embed.junction.policy)}" if embed.junction else ""
    return f"[{embed.name}] {kind} {way} ({how}{policy})"


def _clause(clause: Any) -> str:
    return "everything" if clause is None else " ".join(str(clause).split())


def _slot(slot: Limit | None) -> str:
    if isinstance(slot, Page):
        return str(slot.rows)
    return "-" if slot is None else f"${slot}"


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


# ---------------------------------------------------------------- files


def cases(file: Path) -> list[Case]:
    found: list[Case] = tomllib.loads(file.read_text(encoding="utf-8"))["case"]
    return found


def given(case: Case) -> Case:
    return {name: case[name] for name in GIVEN if name in case}


def written(found: list[Case]) -> str:
    """Cases as TOML."""
    return "\n".join(_written(case) for case in found)


def _written(case: Case) -> str:
    lines = ["[[case]]"]
    for name, value in case.items():
        if isinstance(value, dict):
            pairs = ", ".join(f"{key} = {json.dumps(each)}" for key, each in value.items())
            lines.append(f"{name} = {{ {pairs} }}")
        elif isinstance(value, list):
            lines += [f"{name} = [", *(f"    {_text(each)}," for each in value), "]"]
        else:
            lines.append(f"{name} = {json.dumps(value) if name in GIVEN and chr(10) in value else _text(value)}")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    if "\n" in value:
        assert "'''" not in value
        return f"'''\n{value}\n'''"
    return f"'{value}'" if "'" not in value and value.isprintable() else json.dumps(value, ensure_ascii=False)


def as_read(case: Case) -> Case:
    """A case as its file gives it back: texts of several lines end with one more."""
    return tomllib.loads(_written(case))["case"][0]  # type: ignore[no-any-return]  # it is a table


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    found = Library(tmp_path_factory.mktemp("library"))
    yield found
    found.close()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_requests_are_answered_as_is_written_beside_them(file: Path, running: Library) -> None:
    for case in cases(file):
        assert as_read({**given(case), **running.outcome(case)}) == case, case["request"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_a_read_is_one_statement(file: Path) -> None:
    for case in cases(file):
        if case["request"].startswith(("GET", "HEAD")):
            said = case.get("parameters", [])
            assert len(said) == (0 if "sql" not in case else 1), case["request"]
            assert "sql" in case or not case["answer"].startswith("2"), case["request"]


def test_there_are_enough() -> None:
    assert sum(len(cases(file)) for file in FILES) >= 60


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        here = Library(Path(folder))
        try:
            for file in FILES:
                file.write_text(written([{**given(case), **here.outcome(case)} for case in cases(file)]), "utf-8")
        finally:
            here.close()
