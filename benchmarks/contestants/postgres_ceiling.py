"""The ceiling on PostgreSQL: what is left of a read when nothing is asked but the database.

No routes, no token, no policies, no limits and nothing that could go wrong: the one value of the URL that varies goes
into the final statement of the pipeline, prepared once on ten connections, by `psycopg.pq`; the bytes that come back
are the body. A request has a connection to itself while it runs. Several requests on one connection at once
(`BENCHMARK_PIPELINED=2`, say) spare the loop some work and leave cores of the server idle: tried, and slower.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from typing import Any

from psycopg import pq

READ = json.loads(os.environ["BENCHMARK_READ"])
DATABASE = os.environ["BENCHMARK_DATABASE"].encode()
PIPELINED = int(os.environ.get("BENCHMARK_PIPELINED", "0"))
CONNECTIONS = PIPELINED or 10
"""As many as the product has by default."""
TEXT = READ["text"].encode()
TEMPLATE = [None if value is None else str(value).encode() for value in READ["arguments"]]
PLACE = READ["place"]
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json; charset=utf-8")],
}


class Connection:
    """One connection; `asked` are the futures of the requests on it, oldest first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asked: deque[asyncio.Future[bytes]] = deque()
        self.pg: Any = pq.PGconn.connect(DATABASE)
        self.pg.prepare(b"q", TEXT)
        self.pg.nonblocking = 1
        if PIPELINED:
            self.pg.enter_pipeline_mode()
        loop.add_reader(self.pg.socket, self.pipelined if PIPELINED else self.single)

    def ask(self, future: asyncio.Future[bytes], args: list[bytes | None]) -> None:
        self.asked.append(future)
        self.pg.send_query_prepared(b"q", args)
        if PIPELINED:
            self.pg.pipeline_sync()
        self.pg.flush()

    def single(self) -> None:
        pg = self.pg
        pg.consume_input()
        if pg.is_busy():
            return
        result = pg.get_result()
        pg.get_result()  # the end
        self.asked.popleft().set_result(result.get_value(0, 0))
        if waiting:
            self.ask(*waiting.popleft())
        else:
            idle.append(self)

    def pipelined(self) -> None:
        pg = self.pg
        pg.consume_input()
        while self.asked and not pg.is_busy():
            result = pg.get_result()
            if result is not None and result.status == pq.ExecStatus.TUPLES_OK:
                self.asked.popleft().set_result(result.get_value(0, 0))


idle: list[Connection] = []
every: list[Connection] = []
waiting: deque[tuple[asyncio.Future[bytes], list[bytes | None]]] = deque()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    loop = asyncio.get_running_loop()
    if not every:
        every.extend(Connection(loop) for _ in range(CONNECTIONS))
        idle.extend(every)
    query = scope["query_string"]
    args = list(TEMPLATE)
    args[PLACE] = query[query.rindex(b".") + 1 :] if query else b"0"
    future: asyncio.Future[bytes] = loop.create_future()
    if PIPELINED:
        min(every, key=lambda each: len(each.asked)).ask(future, args)
    elif idle:
        idle.pop().ask(future, args)
    else:
        waiting.append((future, args))
    body = await future
    await send(START)
    await send({"type": "http.response.body", "body": body})
