"""`make run`: fills the example's database once, prints what to try, and serves it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from examples.social.app import app
from examples.social.seed import ADA, Size, seed_once
from undercroft import auth
from undercroft.app import House, build
from undercroft.base.clock import SystemClock
from undercroft.base.faults import SetupFault
from undercroft.cli.options import ServeOptions, read_settings
from undercroft.cli.serving import serve
from undercroft.cli.telling import WRONG, tell_fault

HERE = Path(__file__).parent


def main() -> int:
    """Seed where there is nothing yet, then serve until Ctrl-C; the exit status."""
    given = read_options()
    data = Path(os.path.relpath(given.data))
    options = ServeOptions(app="examples.social.app:app", data=data, host=given.host, port=given.port)
    app.developing = True  # an older version's database is brought to these models
    try:
        house = build(app, read_settings(options))
        house.prepare()
    except SetupFault as fault:
        tell_fault(fault)
        return WRONG
    fill(house, Size().divided(given.divide))
    for line in introduction(house, f"http://{given.host}:{given.port}", data):
        print(line, flush=True)
    return serve(options)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.social", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=HERE / ".undercroft", help="the folder for database and keys")
    parser.add_argument("--divide", type=int, default=1, metavar="N", help="invent only an N-th of the rows")
    return parser.parse_args()


def fill(house: House, size: Size) -> None:
    """Invent the rows, with a bar for each table. Nothing happens where there are some."""
    bars = Progress(
        TextColumn("{task.description:>10}"), BarColumn(40), MofNCompleteColumn(), console=Console(stderr=True)
    )
    tasks = {}

    def progress(table: str, done: int, total: int) -> None:
        if table not in tasks:
            tasks[table] = bars.add_task(table, total=total)
        bars.update(tasks[table], completed=done)

    with bars:
        seed_once(house.engine.migration_connection, size, progress=progress)


def introduction(house: House, url: str, data: Path) -> list[str]:
    """Where the data is, the two keys, and three requests to paste."""
    api, keys = f"{url}/rest/v1", house.keys
    anon = f"-H 'apikey: {keys.anon}'"
    ada = f"{anon} -H 'Authorization: Bearer {token_of_ada(house)}'"
    json = "-H 'Content-Type: application/json' -H 'Prefer: return=representation'"
    post = '{"title": "Good morning", "body": "My first post here. #hello", "published": true}'
    return [
        "",
        f"Data          {data}",
        f"anon key      {keys.anon}",
        f"service key   {keys.service_role.reveal()}   (passes every policy: keep it to yourself)",
        "",
        "The latest posts, as anybody:",
        f"curl '{api}/posts?select=title,tags,author(username)&order=created_at.desc&limit=3' {anon}",
        "",
        "What those wrote whom Ada follows, as Ada:",
        f"curl '{api}/rpc/feed?select=title,author(username)&limit=3' {ada}",
        "",
        "A new post by Ada, whose hashtags a hook notes:",
        f"curl '{api}/posts?select=id,title,tags,author(username)' {ada} {json} -d '{post}'",
    ]


def token_of_ada(house: House) -> str:
    """A token such as `undercroft token --role authenticated --sub …` gives."""
    expires = int(SystemClock().timestamp()) + house.settings.auth.jwt_expiry
    return auth.sign({"role": "authenticated", "sub": str(ADA), "exp": expires}, house.keys.signing)


if __name__ == "__main__":
    sys.exit(main())
