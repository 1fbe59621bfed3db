"""`make bench`: every question in turn, and one table of the bars. Linux, with wrk."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from benchmarks import (
    auth,
    belonging,
    durable_inserts,
    graphql,
    keys,
    list_of_posts,
    moving,
    one_row,
    outbox,
    policy_cost,
    startup,
    webhooks,
)
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.postgres import database_mode, second_wall
from benchmarks.postgres import durable_inserts as postgres_inserts
from benchmarks.postgres import list_of_posts as postgres_list
from benchmarks.postgres import one_row as postgres_row
from benchmarks.postgres.ground import Ground, ground
from benchmarks.world import World, invent
from examples.social.seed import Size
from tests.postgres import cluster

QUESTIONS: dict[str, Callable[[Bench], Iterable[Figure]]] = {
    "list": list_of_posts.measure,
    "graphql": graphql.measure,
    "row": one_row.measure,
    "inserts": durable_inserts.measure,
    "keys": keys.measure,
    "policy": policy_cost.measure,
    "start": startup.measure,
    "postgres-list": postgres_list.measure,
    "postgres-row": postgres_row.measure,
    "postgres-inserts": postgres_inserts.measure,
    "database-mode": database_mode.measure,
    "second-wall": second_wall.measure,
    "move": moving.measure,
    "outbox": outbox.measure,
    "webhooks": webhooks.measure,
    "auth": auth.measure,
    "postgres-auth": auth.measure_on_postgres,
    "organisations": belonging.measure,
}


def main() -> None:
    """Exit status 1 where a bar is not reached."""
    options = read_options()
    if shutil.which("wrk") is None or sys.platform != "linux":
        sys.exit("The benchmarks need Linux and wrk (Debian: apt-get install wrk).")
    with ExitStack() as stack:
        figures = list(ask(options.questions or list(QUESTIONS), prepared(stack, options)))
    if options.json:
        print(json.dumps([{**asdict(each), "reached": each.reached} for each in figures], indent=2))
    else:
        show(figures)
    sys.exit(0 if all(each.reached for each in figures) else 1)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all by default")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each contestant, in turns (%(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="seconds of a round (%(default)s)")
    parser.add_argument("--divide", type=int, default=1, metavar="N", help="only an N-th of the rows")
    parser.add_argument("--postgres", metavar="URL", help="the server, as its superuser; by default our own")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args()
    if unknown := [name for name in options.questions if name not in QUESTIONS]:
        parser.error(f"no such question: {', '.join(unknown)} (there are {', '.join(QUESTIONS)})")
    return options


def prepared(stack: ExitStack, options: argparse.Namespace) -> Bench:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="undercroft-bench-")))
    size = Size().divided(options.divide)

    def world() -> World:
        with told() as tell:
            return invent(folder / "sqlite", size, tell)

    def on_postgres() -> Ground:
        with told() as tell:
            return stack.enter_context(ground(folder / "postgres", size, options.postgres, tell))

    @contextmanager
    def server() -> Iterator[str]:
        if options.postgres:
            yield options.postgres
            return
        with cluster() as made:
            yield made.url

    return Bench(world, on_postgres, server, options.rounds, options.seconds, options.divide)


@contextmanager
def told() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for what is being invented."""
    columns = TextColumn("inventing {task.description:>10}"), BarColumn(40)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda table, done, total: bar.update(task, description=table, completed=done, total=total)


def ask(questions: Iterable[str], bench: Bench) -> Iterator[Figure]:
    console = Console(stderr=True)
    for name in questions:
        with console.status(f"{name}: {bench.rounds} rounds of each contestant"):
            for figure in QUESTIONS[name](bench):
                console.print(
                    f"{figure.what}: {figure.middle.figure:.3g}; {figure.note}", soft_wrap=True, highlight=False
                )
                yield figure


def show(figures: Iterable[Figure]) -> None:
    table = Table("what", "bar", "figure", "half of the rounds", "verdict", "made of", title="Bars")
    for each in figures:
        figure, low, high = (f"{number:.3g}{each.bar.unit if each.bar else ''}" for number in each.middle)
        verdict = "" if each.bar is None else "[green]reached[/]" if each.reached else "[red]missed[/]"
        table.add_row(each.what, str(each.bar or "for the record"), figure, f"{low} to {high}", verdict, each.note)
    console = Console()
    console.print(table)
    for each in figures:
        for command in each.commands:
            console.print(f"[dim]{each.what}:[/] {command}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
