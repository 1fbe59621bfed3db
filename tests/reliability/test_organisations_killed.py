"""An invitation, when the server is killed among many who accept it: it is used up once, and by a member."""

from __future__ import annotations

import asyncio
import random
import textwrap
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.api.auth.people import LIMITS
from tests.reliability.test_auth_killed import MANY, cut_short, started

APP = textwrap.dedent(
    '''
    """Teams, with an invitation whose token a test knows."""

    import hashlib
    from datetime import UTC, datetime, timedelta

    from sqlalchemy import func, select

    from undercroft import App, Context

    app = App()
    team = app.organisations()


    @app.rpc(to="authenticated")
    async def sent(ctx: Context, token: str, email: str) -> None:
        with ctx.as_service():
            organisation = team.Organisation(name="Ducks")
            ctx.session.add(organisation)
            await ctx.session.flush()
            until, hashed = datetime.now(UTC) + timedelta(hours=1), hashlib.sha256(token.encode()).hexdigest()
            ctx.session.add(
                team.Invitation(
                    organisation_id=organisation.id, email=email, role="member", token_hash=hashed, expires_at=until
                )
            )
            await ctx.session.flush()


    @app.rpc(to="authenticated")
    async def counts(ctx: Context) -> list[int]:
        """Invitations that were accepted, and members."""
        with ctx.as_service():
            used = select(func.count()).where(team.Invitation.accepted_at.is_not(None))
            members = select(func.count()).select_from(team.Membership)
            return [await ctx.session.scalar(used) or 0, await ctx.session.scalar(members) or 0]
    '''
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers run, on one database."""
    for name in LIMITS:
        monkeypatch.setenv(f"UNDERCROFT_AUTH_RATE_LIMIT_{name.upper()}", "0")
    monkeypatch.setenv("UNDERCROFT_DATABASE_DATA", str(tmp_path / "data"))
    if request.param == "postgres":
        monkeypatch.setenv("UNDERCROFT_DATABASE_URL", request.getfixturevalue("postgres_url"))
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


async def lives(folder: Path, kills: int) -> int:
    """How many invitations were accepted, each by one of many, on both sides of a kill."""
    chance, token, told = random.Random(5), "", 0
    for kill in range(kills + 1):
        async with AsyncExitStack() as stack:
            client = await started(stack, folder)
            if not token:
                person = {"email": "ada@example.com", "password": "correct horse"}
                token = (await client.http.post("/auth/v1/signup", json=person)).json()["access_token"]
            client.http.headers["authorization"] = f"Bearer {token}"

            async def call(function: str, client: Any = client, **arguments: str) -> Any:
                return await client.http.post(f"/rest/v1/rpc/{function}", json=arguments)

            used, members = (await call("counts")).json()
            assert used == members
            assert told <= used <= kill
            if kill:  # it was used up before the kill, or can be now, and never both
                again = await call("accept_invitation", token=f"invitation {kill - 1}")
                assert (again.status_code == 200) is (used < kill), again.text
                told = kill
            if kill < kills:
                made = await call("sent", token=f"invitation {kill}", email="ada@example.com")
                assert made.status_code == 204, made.text
                path, body = "/../../rest/v1/rpc/accept_invitation", {"token": f"invitation {kill}"}
                asks = [client.ask(path, body) for _ in range(MANY)]
                answers = await cut_short(client, asks, 0.005 + chance.random() * 0.2)
                won = [answer.status_code for answer in answers if answer is not None]
                assert set(won) <= {200, 404}
                assert won.count(200) <= 1
                told += won.count(200)
    return told


@pytest.mark.timeout(300)
def test_an_invitation_is_good_once_though_the_server_is_killed(
    folder: Path, rounds: Callable[[int, int], int]
) -> None:
    kills = rounds(2, 60)
    assert asyncio.run(lives(folder, kills)) == kills
