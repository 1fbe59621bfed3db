"""Keys and batches where the database judges callers as well: answers are the service's to keep, rows the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.api.orders import FULL, ada, ben, orders
from tests.api.scenario import Place, Request, send
from undercroft.app import wall_for
from undercroft.engine import migrate
from undercroft.engine.migrate import walls

pytestmark = pytest.mark.needs("postgres")
numbers = count()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("walled")
    with Place(orders(), folder, server=postgres_server, UNDERCROFT_DATABASE_RLS="true") as made:
        yield made


def fresh() -> str:
    return f"walled {next(numbers)}"


def part(method: str, path: str, body: Any = None) -> dict[str, Any]:
    return {"method": method, "path": path, "body": body, "headers": {"Prefer": "return=representation"}}


def keyed(request: Request, key: str) -> Request:
    return request._replace(headers=(*request.headers, ("idempotency-key", key)))


def test_the_wall_stands(place: Place) -> None:
    assert place.house.pipeline.wall is not None
    (forced,) = place.sql("select relforcerowsecurity from pg_class where relname = 'orders'")
    assert forced == (True,)


def requests() -> dict[str, Request]:
    line = [
        part("POST", "/orders", {"title": fresh()}),
        part("POST", "/order_lines", {"order_id": "$1.id", "name": "x"}),
    ]
    return {
        "insert": send("POST", "/rest/v1/orders", {"title": fresh()}, FULL),
        "function": send("POST", "/rest/v1/rpc/place_order", {"title": fresh()}),
        "batch": send("POST", "/rest/v1/batch", line),
    }


@pytest.mark.parametrize("kind", ["insert", "function", "batch"])
def test_one_effect(place: Place, kind: str) -> None:
    request = keyed(requests()[kind], fresh())
    replies = place.ask_at_once([request] * 16, ada)
    assert {reply.status for reply in replies} <= {200, 201}, replies
    assert len({reply.body for reply in replies}) == 1
    assert sorted(reply.header("idempotent-replayed") or "" for reply in replies) == [""] + ["true"] * 15


def test_a_hooked_write(place: Place) -> None:
    order = place.ask(send("POST", "/rest/v1/orders", {"title": fresh()}, FULL), ada).json()[0]["id"]
    request = keyed(send("POST", "/rest/v1/order_lines", {"order_id": order, "name": "once"}, FULL), fresh())
    replies = place.ask_at_once([request] * 8, ada)
    assert {reply.status for reply in replies} == {201}
    assert place.sql("select count(*) from order_lines where order_id = ?", order) == [(1,)]


def test_every_request_of_a_batch_is_its_callers(place: Place) -> None:
    """Also behind one whose code was the service's."""
    title = fresh()
    mine = place.ask(send("POST", "/rest/v1/batch", [part("POST", "/orders", {"title": title})]), ada).json()
    own = mine[0]["body"][0]["id"]
    parts = [
        part("POST", "/orders", {"title": fresh()}),
        part("POST", "/order_lines", {"order_id": "$1.id", "name": "hooked"}),
        part("POST", "/rpc/orders_seen", {}),
        part("GET", f"/orders?id=eq.{own}"),
        part("PATCH", f"/orders?id=eq.{own}", {"total": 9}),
        part("DELETE", f"/orders?id=eq.{own}"),
    ]
    answers = place.ask(send("POST", "/rest/v1/batch", parts), ben).json()
    assert [each["body"] for each in answers[3:]] == [[], [], []]
    assert place.sql("select total from orders where id = ?", own) == [(0,)]
    refused = place.ask(
        send("POST", "/rest/v1/batch", [part("POST", "/order_lines", {"order_id": own, "name": "x"})]), ben
    )
    assert (refused.status, refused.code) == (403, "42501")


def test_the_database_itself_judges_them(place: Place) -> None:
    """Without the first wall: the policies of the statement are taken away, the database's stay."""
    title = fresh()
    place.ask(send("POST", "/rest/v1/orders", {"title": title}), ada)
    pipeline = place.house.pipeline
    statement = "select count(*) from orders"

    async def seen(who: str) -> int:
        from undercroft.access.actor import Actor
        from undercroft.pipeline.shared import Shared
        from undercroft.sql.statement import Statement

        actor = Actor("authenticated", who, {"sub": who, "role": "authenticated"})
        async with pipeline.logic(actor) as transaction:
            shared = Shared(pipeline, place.house.caller, transaction, pipeline.context(actor, transaction))
            row = await shared.read(Statement(statement, (), ()), (), actor)
            (role,) = (await transaction.fetch("select current_user::text"))[0]
            assert role == "service_role", "what code does afterwards is the service's"
            return int(row[0])

    assert place.run(seen(str(ada.sub))) >= 1
    assert place.run(seen("00000000-0000-0000-0000-0000000000ff")) == 0


def test_nobody_but_the_service_reaches_what_is_kept(place: Place) -> None:
    rights = place.sql(
        "select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'undercroft_anybody') "
        "and has_table_privilege(rolname, 'undercroft.idempotency', 'select')"
    )
    assert rights == [("service_role",)]


def test_a_wall_that_is_made_anew_leaves_what_the_house_keeps(place: Place) -> None:
    assert place.ask(keyed(send("POST", "/rest/v1/orders", {"title": fresh()}), fresh()), ada).status == 201
    kept = place.sql("select count(*) from undercroft.idempotency")
    site = migrate.place_at(place.environment["UNDERCROFT_DATABASE_URL"])
    wall = wall_for(place.app, place.house.settings)
    assert walls.apply((), site)
    assert place.sql("select count(*) from pg_proc where pronamespace = 'undercroft'::regnamespace") == [(0,)]
    assert walls.apply(wall.pieces, site)
    assert not walls.apply(wall.pieces, site)
    assert place.sql("select count(*) from undercroft.idempotency") == kept
    assert kept[0][0] > 0
