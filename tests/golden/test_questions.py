"""Several reads that are answered as one object, and lists that are told as objects: what each ask is planned as, said
to the database, and answered.

The asks stand here, what they become in `questions.toml`: `python -m tests.golden.test_questions` writes that anew.
Look at the difference before you commit.
"""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.library import ADA
from tests.golden.test_sql import Case, Library, as_read, node_lines, written
from undercroft.access.actor import Actor
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    OrderTerm,
    Page,
    Question,
    QuestionsAsk,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectToken,
    SelectWord,
    TellAggregates,
    TellPage,
    TellRows,
    TellTotal,
    TellWord,
    Told,
)
from undercroft.query.keyset import beyond_of
from undercroft.query.plan import QuestionPlan

FILE = Path(__file__).parent / "questions.toml"
READER = Actor("authenticated", ADA, {"sub": ADA})
BY_ID = (OrderTerm(Field("id")),)
ID = (Field("id"),)


def field(name: str, **more: Any) -> SelectField:
    return SelectField(Field(name), name, **more)


def node(*members: Any) -> SelectGroup:
    return SelectGroup("edges", (SelectToken("cursor", (), ID), SelectGroup("node", members)))


BARE = Told((TellRows("edges", 0),), ID)
PLACED = (
    TellRows("edges", 0),
    TellPage("pageInfo", (("hasNextPage", "has_next"), ("hasPreviousPage", "has_previous"), ("endCursor", "end"))),
)
COUNT = SelectField(None, "count", aggregate="count")
AGGREGATED = (COUNT, SelectGroup("max", (field("price", aggregate="max", aggregate_cast="text"),)))
BEHIND = beyond_of([(Field("price"), "asc", "last", True), (Field("id"), "asc", "last", False)], [0, 1])
TITLES = (node(field("title")),)
COUNTED = Told((*BARE.members, TellTotal("totalCount")), ID)
BOOKS = Ask(TITLES, order=BY_ID, limit=Page(1), told=COUNTED)
ASKS: dict[str, tuple[QuestionsAsk, tuple[str, ...]]] = {
    "a list that is told as edges alone": (
        QuestionsAsk(
            (
                TellWord("__typename", "Query"),
                Question("books", ReadAsk("books", Ask(TITLES, order=BY_ID, limit=Page(2), told=BARE))),
            )
        ),
        (),
    ),
    "one row, and one that is not there": (
        QuestionsAsk(
            tuple(
                Question(
                    name,
                    ReadAsk(
                        "books",
                        Ask(
                            (SelectToken("nodeId", ("public", "books"), ID), SelectWord("__typename", "Book")),
                            (Filter(Field("id"), "eq", slot),),
                        ),
                    ),
                    single=True,
                )
                for slot, name in enumerate(("one", "none"))
            )
        ),
        ("1", "99"),
    ),
    "a page behind a place, its total and aggregates": (
        QuestionsAsk(
            (
                Question(
                    "books",
                    ReadAsk(
                        "books",
                        Ask(
                            (node(field("id")),),
                            order=(OrderTerm(Field("price")), *BY_ID),
                            limit=Page(1),
                            told=Told(
                                (*PLACED, TellTotal("totalCount"), TellAggregates("aggregate", AGGREGATED)),
                                (Field("price"), Field("id")),
                                BEHIND,
                            ),
                        ),
                    ),
                ),
            )
        ),
        ("3", "2"),
    ),
    "the last page": (
        QuestionsAsk(
            (
                Question(
                    "books",
                    ReadAsk(
                        "books",
                        Ask(
                            (node(field("id")),),
                            order=(OrderTerm(Field("id"), "desc"),),
                            limit=0,
                            told=Told(PLACED, ID, backwards=True),
                        ),
                    ),
                ),
            )
        ),
        ("2",),
    ),
    "what belongs to each row is told too": (
        QuestionsAsk(
            (
                Question(
                    "authors",
                    ReadAsk(
                        "authors",
                        Ask(
                            (node(field("name"), EmbedAsk("books", BOOKS, "books", hint="author_id")),),
                            order=BY_ID,
                            limit=Page(2),
                            told=BARE,
                        ),
                    ),
                ),
            )
        ),
        (),
    ),
}


def outcome(running: Library, name: str) -> Case:
    ask, values = ASKS[name]
    running.said.clear()
    pipeline = running.house.pipeline
    plan = pipeline.plan_questions(ask, READER.role)
    lines = [
        "\n".join([f"{each.name}{' (one)' if each.single else ''}:", *node_lines(each.node, 1)])
        if isinstance(each, QuestionPlan)
        else f"{each.name}: {each.text!r}"
        for each in plan.members
    ]
    statement = pipeline.prepare_questions(ask, READER.role, lambda: ask)
    row = pipeline.read_now(statement, values, READER)
    assert row is not None
    ((said, parameters),) = running.said
    text = "\n".join(line.rstrip() for line in said.splitlines())
    told = json.dumps(json.loads(row[0]), ensure_ascii=False)
    return {
        "request": name, "plan": "\n".join(lines), "sql": text,
        "parameters": [json.dumps(parameters, ensure_ascii=False)], "answer": told,
    }  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    found = Library(tmp_path_factory.mktemp("questions"))
    yield found
    found.close()


def test_questions_become_what_is_written_beside_them(running: Library) -> None:
    cases = tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]
    assert [case["request"] for case in cases] == list(ASKS)
    for case in cases:
        assert as_read(outcome(running, case["request"])) == case, case["request"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder))
        FILE.write_text(written([outcome(library, name) for name in ASKS]), encoding="utf-8")
        library.close()
