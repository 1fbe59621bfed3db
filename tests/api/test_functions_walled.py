"""Functions of an app whose policies hold a second time, as row-level security of PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.scenario import SERVICE, Persona, Place, send
from tests.api.test_functions import make_app

pytestmark = pytest.mark.needs("postgres")
ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")


def test_the_second_wall_stands_in_the_session_too(tmp_path: Path, postgres_server: str) -> None:
    key = ("idempotency-key", "one")
    add = send("POST", "/functions/v1/add_parcel", {"name": "box"})
    keyed = send("POST", "/functions/v1/add_parcel", {"name": "keyed"}, key)
    labels = send("POST", "/functions/v1/labels")
    with Place(make_app(), tmp_path, server=postgres_server, UNDERCROFT_DATABASE_RLS="true") as place:
        assert place.ask(add).code == "42501"
        assert place.ask(add, ADA).status == 200
        first, again = place.ask(keyed, ADA), place.ask(keyed, ADA)
        assert (first.status, again.header("idempotent-replayed"), again.body) == (200, "true", first.body)
        assert place.ask(labels, ADA).json() == ["box", "keyed"]
        assert place.ask(labels).json() == []
        assert place.ask(labels, SERVICE).json() == ["box", "keyed"]
