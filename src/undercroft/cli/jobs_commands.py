"""The commands of `undercroft jobs`, and `undercroft worker`; what they do is elsewhere, imported when it is needed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from undercroft.cli.arguments import App, AsJson, Config, Data, Database, of_app

if TYPE_CHECKING:
    from undercroft.cli.options import Common

jobs = typer.Typer(
    help="See what is to be done in the background, and decide about it.", no_args_is_help=True, rich_markup_mode=None
)


class State(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    LATER = "later"
    HELD = "held"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


Ids = Annotated[list[int], typer.Argument(metavar="ID…", help="Numbers of jobs.")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="JOB", help="Only jobs of this name.")]
QueueOption = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only jobs of this queue.")]
StateOption = Annotated[State | None, typer.Option("--state", help="Only jobs that stand so.")]


@jobs.command("list")
@of_app
def jobs_list(
    options: Common,
    name: NameOption = None,
    queue: QueueOption = None,
    state: StateOption = None,
    most: Annotated[int, typer.Option(min=0, help="How many of the latest to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Count jobs by name and state, and show the latest."""
    from undercroft.cli.jobbing import tell_jobs

    tell_jobs(options, name=name, queue=queue, state=state.value if state else None, most=most, as_json=as_json)


@jobs.command("show")
@of_app
def jobs_show(options: Common, job: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show everything that is known of one job: its arguments, its progress, its last failure."""
    from undercroft.cli.jobbing import tell_job

    tell_job(options, job, as_json=as_json)


@jobs.command("retry")
@of_app
def jobs_retry(
    options: Common,
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]…", help="Numbers of jobs.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All dead ones, or those of --name.")] = False,
    name: NameOption = None,
    as_json: AsJson = False,
) -> None:
    """Have dead or cancelled jobs done again, as if they had never been tried."""
    from undercroft.cli.jobbing import retry

    retry(options, ids or [], dead=dead, name=name, as_json=as_json)


@jobs.command("cancel")
@of_app
def jobs_cancel(options: Common, ids: Ids, as_json: AsJson = False) -> None:
    """Have jobs not done, and what follows them neither.

    One that runs is taken from its worker; nothing that it wrote is kept.
    """
    from undercroft.cli.jobbing import cancel

    cancel(options, ids, as_json=as_json)


@jobs.command("watch")
@of_app
def jobs_watch(
    options: Common,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How often to look.")] = 1.0,
    looks: Annotated[int, typer.Option(min=0, help="End after so many looks; 0 goes on until Ctrl-C.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Look on: counts, rates, and how far running jobs are. With --json, a line for each look."""
    from undercroft.cli.watching import watch

    watch(options, every=every, looks=looks, as_json=as_json)


@jobs.command("schedules")
@of_app
def jobs_schedules(options: Common, as_json: AsJson = False) -> None:
    """Show what fires when: the last slot of each schedule, and the next three."""
    from undercroft.cli.jobbing import tell_schedules

    tell_schedules(options, as_json=as_json)


def worker(
    app: App = None,
    database: Database = None,
    data: Data = None,
    config: Config = None,
    queue: Annotated[
        list[str] | None, typer.Option("--queue", metavar="NAME", help="Only jobs of these queues ([jobs] queues).")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Jobs at once ([jobs] concurrency).")] = None,
) -> None:
    """Run jobs and schedules, and serve nothing.

    Also where `[jobs] enabled` is false. SIGTERM lets running jobs end, for as long as `[server] drain` says.
    """
    from undercroft.cli.options import Common
    from undercroft.cli.working import work

    options = Common(app=app, database=database, data=data, config=config)
    raise typer.Exit(work(options, queues=queue or [], concurrency=concurrency))
