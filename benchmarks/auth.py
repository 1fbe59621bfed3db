"""How many people can stay signed in, and how many can come at once? Over HTTP, one worker.

A refresh gives a new access token each hour: 2,000 a second are seven million people. A sign-in is slow on purpose,
and whoever reads meanwhile must not feel it. The limits on tries are off, since all come from one address; what they
cost a refresh is a figure of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.request import Request, urlopen

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle
from benchmarks.hashing import PASSWORD
from benchmarks.paced import PACE, paced
from benchmarks.server import ROOT, Server, serving
from tests import postgres

SCRIPT = Path(__file__).with_name("people.lua")
CONNECTIONS = 32
COMING = 4
"""Connections over which people sign in, without a pause: two hash, two wait."""
NOTES = "/rest/v1/public_notes?select=id,text&limit=20"
LIMITS = ("TOKEN_REFRESH", "SIGN_IN_SIGN_UPS", "ACCOUNT_ATTEMPTS")
UNREACHED = 1_000_000_000
REFRESHES, SIGN_INS, LATE = Bar(2000), Bar(60), Bar(50, least=False, unit=" ms")


def measure(bench: Bench) -> Iterator[Figure]:
    with _house({}) as server:
        yield _refreshes("refreshes a second", REFRESHES, server, bench)
        yield from _sign_ins(server, bench)
    with _house({"UNDERCROFT_AUTH_RATE_LIMIT_TOKEN_REFRESH": str(UNREACHED)}) as server:
        yield _refreshes("refreshes a second, each counted under its limit", None, server, bench)


def measure_on_postgres(bench: Bench) -> Iterator[Figure]:
    """For the record: how much of it is the database's depends on where that is."""
    with (
        bench.server() as database,
        postgres.database(database) as url,
        _house({"UNDERCROFT_DATABASE_URL": url}) as server,
    ):
        yield _refreshes("refreshes a second, PostgreSQL", None, server, bench)


@contextmanager
def _house(more: dict[str, str]) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="undercroft-auth-") as folder:
        environment = {"UNDERCROFT_DATABASE_DATA": folder, "UNDERCROFT_LOG_REQUESTS": "false"}
        environment |= {f"UNDERCROFT_AUTH_RATE_LIMIT_{name}": "0" for name in LIMITS} | more
        with serving("undercroft", "benchmarks.auth_subject:app", environment) as server:
            yield server


def _refreshes(what: str, bar: Bar | None, server: Server, bench: Bench) -> Figure:
    rates, costs = [], []
    tokens = [_signed_up(server, number) for number in range(2 * CONNECTIONS)]
    for round_ in range(bench.rounds):
        if round_:
            tokens = [_signed_in(server, number) for number in range(len(tokens))]
        before = server.cpu()
        found = _wrk(server, ["refresh", ",".join(tokens)], CONNECTIONS, bench.seconds)
        rates.append(found["answers"] / found["seconds"])
        costs.append((server.cpu() - before) / found["answers"] * 1e6)
    return Figure(
        what, bar, middle(rates),
        f"{median(costs):.0f} µs of the server's processor time each, {min(costs):.0f} in the best round",
        (f"wrk -t1 -c{CONNECTIONS} -d{bench.seconds}s -s benchmarks/{SCRIPT.name} URL -- refresh TOKENS",),
    )  # fmt: skip


def _sign_ins(server: Server, bench: Bench) -> Iterator[Figure]:
    """Beside a reader who asks again as soon as he is answered, and takes what he gets of both cores; and beside one
    who comes at a pace. Each time what the machine has for hashing is asked beside the same reader.
    """
    _noted(server)
    seconds = bench.seconds
    readers: dict[str, Callable[[], float]] = {
        "who asks without a pause": lambda: _wrk(server, ["read", NOTES], 1, seconds)["p99_ms"],
        f"who asks {PACE} times a second": lambda: quantiles(paced(server.url, NOTES, seconds), n=100)[98],
    }
    for who, read in readers.items():
        rates, costs, late, alone, ceilings, free = [], [], [], [], [], []
        for _ in range(bench.rounds):
            free.append(_hashes(seconds)())
            alone.append(read())
            ceiling = _hashes(seconds + 1)
            read()
            ceilings.append(ceiling())
            before, coming = server.cpu(), _beginning(server, seconds + 1)
            late.append(read())
            found = _read(coming())
            rates.append(found["answers"] / found["seconds"])
            costs.append((server.cpu() - before) / found["answers"] * 1e3)
        yield Figure(
            f"sign-ins a second, beside a reader {who}", SIGN_INS, middle(rates),
            f"argon2id, 19 MiB, two threads; these alone {median(free):.0f}, beside the same reader "
            f"{median(ceilings):.0f}; {median(costs):.1f} ms of processor time each, reads included",
        )  # fmt: skip
        yield Figure(
            f"a read meanwhile, 99 of 100, {who}", LATE, middle(late), f"without sign-ins {median(alone):.1f} ms"
        )


def _hashes(seconds: float) -> Callable[[], float]:
    """Have passwords compared on two threads of another process; what it comes to a second, when it is called."""
    command = [sys.executable, "-m", "benchmarks.hashing", str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    return lambda: float(process.communicate()[0])


def _beginning(server: Server, seconds: int) -> Callable[[], bytes]:
    """Have people sign in for so long; what was told of it, when it is called."""
    words = ["login", "person0@example.com", PASSWORD]
    process = subprocess.Popen(_command(server, words, COMING, seconds), stdout=subprocess.PIPE)
    return lambda: process.communicate()[0]


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
