"""How many people can stay signed in, and how many can come at once? On SQLite, over HTTP, one worker.

A refresh gives a new access token each hour: 2,000 a second are seven million people. A sign-in is slow on purpose,
and whoever reads meanwhile must not feel it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle
from benchmarks.server import Server, serving

SCRIPT = Path(__file__).with_name("people.lua")
CONNECTIONS = 32
COMING = 4
"""Connections over which people sign in, without a pause: two hash, two wait."""
PASSWORD = "a horse of some length"
NOTES = "/rest/v1/public_notes?select=id,text&limit=20"
UNLIMITED = {f"UNDERCROFT_AUTH_RATE_LIMIT_{name}": "0" for name in
             ("TOKEN_REFRESH", "SIGN_IN_SIGN_UPS", "ACCOUNT_ATTEMPTS")}  # fmt: skip


def measure(bench: Bench) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="undercroft-auth-") as folder:
        environment = {"UNDERCROFT_DATABASE_DATA": folder, "UNDERCROFT_LOG_REQUESTS": "false", **UNLIMITED}
        with serving("undercroft", "benchmarks.auth_subject:app", environment) as server:
            tokens = [_signed_up(server, number) for number in range(2 * CONNECTIONS)]
            _noted(server)
            yield _refreshes(server, tokens, bench)
            yield from _sign_ins(server, bench)


def _refreshes(server: Server, tokens: list[str], bench: Bench) -> Figure:
    rates, costs = [], []
    for round_ in range(bench.rounds):
        if round_:
            tokens = [_signed_in(server, number) for number in range(len(tokens))]
        before = server.cpu()
        found = _wrk(server, ["refresh", ",".join(tokens)], CONNECTIONS, bench.seconds)
        rates.append(found["answers"] / found["seconds"])
        costs.append((server.cpu() - before) / found["answers"] * 1e6)
    return Figure(
        "refreshes a second", Bar(2000), middle(rates), f"{min(costs):.0f} µs of processor time each",
        (f"python -m benchmarks auth --rounds {bench.rounds}",),
    )  # fmt: skip


def _sign_ins(server: Server, bench: Bench) -> Iterator[Figure]:
    rates, late, alone = [], [], []
    for _ in range(bench.rounds):
        alone.append(_wrk(server, ["read", NOTES], 1, bench.seconds)["p99_ms"])
        words = ["login", "person0@example.com", PASSWORD]
        with subprocess.Popen(_command(server, words, COMING, bench.seconds + 1), stdout=subprocess.PIPE) as coming:
            late.append(_wrk(server, ["read", NOTES], 1, bench.seconds)["p99_ms"])
            found = _read(coming.communicate()[0])
        rates.append(found["answers"] / found["seconds"])
    yield Figure("sign-ins a second", Bar(60), middle(rates), "argon2id, 19 MiB, two threads")
    told = f"without sign-ins {middle(alone).figure:.1f} ms"
    yield Figure("a read meanwhile, 99 of 100", Bar(50, least=False, unit=" ms"), middle(late), told)


def _signed_up(server: Server, number: int) -> str:
    return _session(server, "signup", number)


def _signed_in(server: Server, number: int) -> str:
    return _session(server, "token?grant_type=password", number)


def _session(server: Server, path: str, number: int) -> str:
    told = json.loads(_post(server, f"/auth/v1/{path}", {"email": f"person{number}@example.com", "password": PASSWORD}))
    token: str = told["refresh_token"]
    return token


def _noted(server: Server) -> None:
    for number in range(20):
        _post(server, "/rest/v1/public_notes", {"text": f"Note {number}"})


def _post(server: Server, path: str, body: dict[str, str]) -> bytes:
    request = Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        found: bytes = answer.read()
        return found


def _command(server: Server, words: list[str], connections: int, seconds: int) -> list[str]:
    how = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(SCRIPT)]
    return [*how, server.url, "--", *words]


def _wrk(server: Server, words: list[str], connections: int, seconds: int) -> dict[str, float]:
    command = _command(server, words, connections, seconds)
    return _read(subprocess.run(command, check=True, capture_output=True).stdout)


def _read(told: bytes) -> dict[str, float]:
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    if found["failed"]:
        raise RuntimeError(f"{found['failed']:.0f} requests failed")
    return found
