"""Who says more than once who they are: the last counts, for the data API, for functions and for pages alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.scenario import SERVICE, Persona, Place, Request
from tests.api.site.app import another
from undercroft import App, Context, Page, WebRequest

ADA = Persona("u", "authenticated", "0a000000-0000-4000-8000-000000000001")
ROOMS = ["/rest/v1/rpc/named", "/functions/v1/called", "/functions/v1/open_to_all", "/looked_at"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("several")
    (folder / "role.html").write_text("{{ auth.role }}")
    app = App(models=another().models)

    @app.rpc()
    async def named(ctx: Context) -> str:
        return ctx.auth.role

    @app.function(methods=("GET",))
    async def called(ctx: Context) -> str:
        return ctx.auth.role

    @app.function(methods=("GET",), public=True)
    async def open_to_all(ctx: Context) -> str:
        return ctx.auth.role

    @app.function(methods=("GET",))
    async def given(ctx: Context, request: WebRequest) -> str:
        return f"{request.header('Authorization')} {request.header('apikey')}"

    @app.page("/looked_at", templates=folder)
    async def looked_at(ctx: Context) -> Page:
        return Page("role.html")

    with Place(app, folder / "data") as there:
        yield there


def asked(place: Place, room: str, headers: list[tuple[str, str]]) -> tuple[int, str]:
    method = "POST" if "rpc" in room else "GET"
    reply = place.ask(Request(method, room, headers))
    return reply.status, reply.body.decode().strip('"')


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", ["authorization", "apikey"])
def test_the_last_credential_counts(place: Place, room: str, name: str) -> None:
    kind = "Bearer " if name == "authorization" else ""
    ada, service = ((name, f"{kind}{place.token(who)}") for who in (ADA, SERVICE))
    assert asked(place, room, [ada]) == (200, "authenticated")
    assert asked(place, room, [ada, service]) == (200, "service_role")
    assert asked(place, room, [service, ada]) == (200, "authenticated")


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "/functions/v1/open_to_all"])
def test_a_good_one_before_a_bad_one_is_worth_nothing(place: Place, room: str) -> None:
    good, bad = ("authorization", f"Bearer {place.token(ADA)}"), ("authorization", "Bearer of.some.body")
    assert asked(place, room, [good, bad])[0] == 401
    assert asked(place, room, [bad, good]) == (200, "authenticated")


def test_code_is_told_of_the_one_that_counted(place: Place) -> None:
    token = place.token(ADA)
    headers = [("authorization", "Bearer x"), ("apikey", "x"), ("authorization", f"Bearer {token}"), ("apikey", "y")]
    assert asked(place, "/functions/v1/given", headers) == (200, f"Bearer {token} y")
