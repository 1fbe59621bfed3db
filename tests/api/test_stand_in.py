"""In the place of a PostgREST an app spells what is embedded as its does, byte for byte: `jsonb`'s spaces and order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.api.scenario import SERVICE, Place, get, send
from undercroft import App, Model
from undercroft.models.base import NAMES


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Artisan(Base):
    __tablename__ = "makers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    of: Mapped[dict[str, Any] | None]


class Piece(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    maker_id: Mapped[int | None] = mapped_column(sa.ForeignKey(Artisan.id))


STAND_IN = {
    "UNDERCROFT_POSTGREST_STAND_IN": "true",
    "UNDERCROFT_AUTH_JWT_SECRET": "a secret of thirty-two letters, at least",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("stand_in")
    with Place(App(Base), folder, server=server, **STAND_IN) as place:
        place.ask(send("POST", "/rest/v1/makers", {"id": 1, "name": "é", "of": {"b": [1, None], "a": 1.50}}), SERVICE)
        place.ask(send("POST", "/rest/v1/things", [{"id": 1, "maker_id": 1}, {"id": 2, "maker_id": None}]), SERVICE)
        yield place


def test_embeds_are_spelled_as_jsonb(place: Place) -> None:
    found = place.ask(get("/rest/v1/things?select=id,makers(name,id,of)&order=id"), SERVICE)
    assert found.body.decode() == (
        '[{"id":1,"makers":{"id": 1, "of": {"a": 1.5, "b": [1, null]}, "name": "é"}},{"id":2,"makers":null}]'
    )
    found = place.ask(get("/rest/v1/makers?select=id,things(id)"), SERVICE)
    assert found.body == b'[{"id":1,"things":[{"id": 1}]}]'
