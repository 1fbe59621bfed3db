"""The ceiling: what is left of a read when nothing is asked but the database.

No routes, no token, no policies: the one value of the URL that varies goes into the final statement of the pipeline, on
the same SQLite module with the same settings, and the text that comes back is the body.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from undercroft.engine.sqlite.connection import open_reader
from undercroft.engine.sqlite.library import choose
from undercroft.engine.sqlite.settings import SQLiteSettings

READ = json.loads(os.environ["BENCHMARK_READ"])
SETTINGS = SQLiteSettings(Path(os.environ["UNDERCROFT_DATABASE_DATA"]) / "data.db")
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json; charset=utf-8")],
}

execute = open_reader(choose(SETTINGS.library), SETTINGS, None).execute
text, template, place = READ["text"], READ["arguments"], READ["place"]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    query = scope["query_string"]
    arguments = list(template)
    arguments[place] = int(query[query.rindex(b".") + 1 :] or 0) if query else 0
    row = execute(text, arguments).fetchone()
    await send(START)
    await send({"type": "http.response.body", "body": row[0].encode()})
