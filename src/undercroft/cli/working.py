"""`undercroft worker`: a process that runs jobs and schedules and serves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.options import Common, Opened, ServeOptions, open_app, read_settings
from undercroft.cli.serving import wait_for_database
from undercroft.cli.telling import WRONG, tell_fault
from undercroft.cli.worker import build_house, fastest_loop
from undercroft.web.log import configure_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from undercroft.base.settings import Settings


def work(options: Common, *, queues: Sequence[str], concurrency: int | None) -> int:
    """Work until SIGTERM or Ctrl-C; the exit status: 0, or 2 where app or settings are wrong (and told)."""
    try:
        settings = read_settings(options)
        configure_log(settings.log)
        opened = open_app(options, settings)
        if opened.app.existing:
            raise SetupFault("a database that is served as it is has no jobs", hint="undercroft worker app.py")
        wait_for_database(opened.settings)
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            return runner.run(_live(options, _working(opened, queues, concurrency)))
    except SetupFault as fault:
        tell_fault(fault)
        return WRONG
    except KeyboardInterrupt:
        return 0


def _working(opened: Opened, queues: Sequence[str], concurrency: int | None) -> Opened:
    """The same app, with settings by which this process works whatever `serve` is told to do."""
    jobs = opened.settings.jobs
    changed = {"enabled": True, "queues": tuple(queues) or jobs.queues, "concurrency": concurrency or jobs.concurrency}
    settings: Settings = opened.settings.model_copy(update={"jobs": jobs.model_copy(update=changed)})
    opened.app.settings = settings
    return Opened(opened.app, settings, opened.folder)


async def _live(options: Common, opened: Opened) -> int:
    import structlog

    log, stopping = structlog.get_logger(), asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    build_house(ServeOptions(**{name: getattr(options, name) for name in Common.__struct_fields__}), opened)
    await opened.app.start()
    try:
        log.info("ready", pid=os.getpid(), jobs=len(opened.app.jobs), schedules=len(opened.app.schedules))
        await stopping.wait()
        log.info("draining", seconds=opened.settings.server.drain)
    finally:
        await opened.app.stop()
    log.info("stopped")
    return 0
