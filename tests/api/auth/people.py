"""A house with people in it, on either engine, whose clock a test moves and whose mails it reads."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from tests import postgres
from undercroft import App
from undercroft.app import House, build
from undercroft.auth.store import Rows
from undercroft.base.clock import ManualClock
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES

SITE = "https://app.example.com"
PLACE = "https://api.example.com/auth/v1"
VERIFIER = "v" * 50
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE: dict[str, Any] = {"code_challenge": CHALLENGE, "code_challenge_method": "s256"}
Answer = httpx2.Response


class People:
    """A started house, and how a test speaks with it: everything is one call, on one loop."""

    def __init__(self, house: House, clock: ManualClock, runner: asyncio.Runner) -> None:
        self.house = house
        self.clock = clock
        self._runner = runner
        self.count = 0

    def run(self, work: Any) -> Any:
        """Wait for a coroutine."""
        return self._runner.run(work)

    async def asking(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, ip: str = "192.0.2.1",
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """One request to `/auth/v1`, or to a whole path that begins with another room's name."""
        transport = httpx2.ASGITransport(app=self.house.serve, client=(ip, 4321))
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        given: dict[str, Any] = {}
        if isinstance(body, bytes | str):
            given["content"] = body
        elif body is not None:
            given["json"] = body
        at = path if path.startswith(("/rest/", "/functions/", "/auth/")) else f"/auth/v1{path}"
        async with httpx2.AsyncClient(transport=transport, base_url="http://server.internal") as client:
            return await client.request(method, at, headers=sent, **given)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """As `asking`, waited for."""
        answer: Answer = self.run(self.asking(method, path, body, **options))
        return answer

    def together(self, *asks: Any) -> list[Answer]:
        """Several requests at once."""

        async def all_of_them() -> list[Answer]:
            return list(await asyncio.gather(*asks))

        answers: list[Answer] = self.run(all_of_them())
        return answers

    @property
    def service(self) -> str:
        """The key of the service."""
        return self.house.keys.service_role.reveal()

    def fresh_email(self) -> str:
        """An address that nobody has used."""
        self.count += 1
        return f"person{self.count}@example.com"

    def signed_up(self, email: str | None = None, password: str = "correct horse") -> dict[str, Any]:
        """The tokens of a new account, where addresses need no confirmation."""
        answer = self.ask("POST", "/signup", {"email": email or self.fresh_email(), "password": password})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def rows(self, table: Any, **where: Any) -> list[dict[str, Any]]:
        """Rows of a table of this room."""
        dialect = self.house.engine.dialect
        found: list[dict[str, Any]] = self.run(
            self.house.engine.write(lambda cursor: Rows(cursor, dialect).all(table, **where))
        )
        return found

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails to an address, the oldest first: `template`, `subject`, `text`, `html`."""
        name = '"undercroft.mails"' if self.house.engine.dialect.name == "sqlite" else "undercroft.mails"
        statement = f"SELECT address, template, subject, text, html FROM {name} ORDER BY id"
        found = self.run(self.house.engine.write(lambda cursor: cursor.all(statement)))
        words = ("address", "template", "subject", "text", "html")
        return [dict(zip(words, row, strict=True)) for row in found if row[0] == to]


@contextmanager
def people(folder: Path, server: str | None, app: App | None = None, **settings: object) -> Iterator[People]:
    """The house on a database of its own; `settings` by their names under `[auth]`, as `email_otp_length`, or whole."""

    class PeopleBase(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMES)

    app = app or App(PeopleBase, title="Feast")
    app.developing = True
    given = environment(folder, **settings)
    clock = ManualClock(datetime(2026, 6, 1, 12, tzinfo=UTC))
    with asyncio.Runner() as runner:
        if server is None:
            yield from _started(app, given, clock, runner)
        else:
            with postgres.database(server) as url:
                yield from _started(app, given | {"UNDERCROFT_DATABASE_URL": url}, clock, runner)


def environment(folder: Path, **settings: object) -> dict[str, str]:
    """The settings of a house as the environment has them."""
    auth = {"site_url": SITE, "external_url": PLACE, "email_max_frequency": 0, "hashing": 4}
    auth |= {f"rate_limit_{name}": 0 for name in LIMITS} | settings
    whole = {name: str(value) for name, value in auth.items() if name.startswith("UNDERCROFT_")}
    given = {f"UNDERCROFT_AUTH_{name.upper()}": str(value) for name, value in auth.items() if name not in whole}
    return (
        given
        | whole
        | {
            "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
            "UNDERCROFT_JOBS_ENABLED": "false",
            "UNDERCROFT_MAIL_BACKEND": "memory",
            "UNDERCROFT_MAIL_SENDER": "Feast <feast@example.com>",
        }
    )


LIMITS = (
    "email_sent", "sms_sent", "anonymous_users", "token_refresh", "sign_in_sign_ups", "token_verifications",
    "account_attempts", "web3", "oauth_requests", "oauth_registrations", "saml_assertions",
)  # fmt: skip


def _started(app: App, given: dict[str, str], clock: ManualClock, runner: asyncio.Runner) -> Iterator[People]:
    stack = AsyncExitStack()
    house = build(app, Settings.load(None, given), clock=clock)
    runner.run(house.start())
    stack.push_async_callback(house.close)
    try:
        yield People(house, clock, runner)
    finally:
        runner.run(stack.aclose())
