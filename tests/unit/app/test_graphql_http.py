"""The room of GraphQL, wired: made when somebody first asks, once, and with the documents that the settings name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from undercroft.app.graphql_http import Late, graphql_room_of
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.graphql.errors import PersistedFault
from undercroft.graphql.parts.http.messages import Message, Outcome
from undercroft.graphql.room import Answers
from undercroft.web.types import Request

pytestmark = pytest.mark.anyio
DONE = Outcome(200, b"{}")
ASKED: tuple[Message, Request] = (Message("{a}", {}, None), cast("Request", None))


class Prompt:
    def answer(self, message: Message, request: Request, *, reads_only: bool, keep: object = None) -> Outcome:
        return DONE


async def test_what_answers_is_made_once_however_many_ask_first() -> None:
    made: list[Answers] = []

    def make() -> Answers:
        made.append(Prompt())
        return made[-1]

    late = Late(make)
    first = [late.answer(*ASKED, reads_only=False) for _ in range(5)]
    assert made == []
    assert await asyncio.gather(*(each for each in first if not isinstance(each, Outcome))) == [DONE] * 5
    assert late.answer(*ASKED, reads_only=False) is DONE  # at once, from now on
    assert len(made) == 1


async def test_what_cannot_be_made_is_tried_again() -> None:
    tries: list[int] = []

    def make() -> Answers:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not now")
        return Prompt()

    late = Late(make)
    for _ in range(2):
        with_luck: Any = late.answer(*ASKED, reads_only=False)
        if len(tries) == 0:
            with pytest.raises(OSError, match="not now"):
                await with_luck
        else:
            assert await with_luck is DONE
    assert len(tries) == 2


def test_a_file_of_documents_is_read_at_the_start(tmp_path: Path) -> None:
    def room(file: str) -> Any:
        settings = Settings.load(None, {"UNDERCROFT_GRAPHQL_PERSISTED_DOCUMENTS": str(tmp_path / file)})
        return graphql_room_of(Prompt, settings, "Club", None)

    (tmp_path / "queries.json").write_text('{"one": "{a}"}')
    (tmp_path / "wrong.json").write_text("{")
    documents = room("queries.json")._documents
    assert documents.find("{a}", None).query == "{a}"
    with pytest.raises(PersistedFault):
        documents.find("{b}", None)
    for file, told in (("none.json", "cannot be read"), ("wrong.json", "no list of documents")):
        with pytest.raises(SetupFault, match=told):
            room(file)
