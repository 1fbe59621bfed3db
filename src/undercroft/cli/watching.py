"""`undercroft jobs watch`: counts, rates, and how far running jobs are, drawn anew at each look."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from undercroft.base.harmless import harmless
from undercroft.cli.jobbing import STATES, open_office
from undercroft.cli.telling import say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from undercroft.cli.options import Common
    from undercroft.jobs.service.office import Office
    from undercroft.jobs.types import JobRecord

_LEFT = ("waiting", "later", "held", "running")
_ROWS = 15


@dataclass(frozen=True, slots=True)
class Look:
    """What there was to see at one moment."""

    at: float
    """On the monotonic clock."""
    latest: int
    """The highest id that was seen."""
    counts: dict[str, dict[str, int]]
    running: list[JobRecord]

    @property
    def left(self) -> int:
        return sum(each.get(state, 0) for each in self.counts.values() for state in _LEFT)


@dataclass(frozen=True, slots=True)
class Rates:
    """Jobs in a second, between two looks."""

    enqueued: float
    ended: float


def rates(before: Look | None, now: Look) -> Rates:
    """Jobs that are done are gone: what came and is not there any more has ended."""
    if before is None or now.at <= before.at:
        return Rates(0.0, 0.0)
    came = max(0, now.latest - before.latest)
    return Rates(came / (now.at - before.at), max(0, came + before.left - now.left) / (now.at - before.at))


def watch(options: Common, *, every: float, looks: int, as_json: bool) -> None:
    """Look until Ctrl-C, or so many times. Raises `SetupFault`."""
    asyncio.run(_watch(options, every, looks, as_json=as_json))


async def _watch(options: Common, every: float, looks: int, *, as_json: bool) -> None:
    async with open_office(options) as (office, _):
        if as_json:
            async for look, found in _looks(office, every, looks):
                say(json.dumps(_value(look, found), default=str))
            return
        from rich.live import Live

        with Live(auto_refresh=False) as live:
            async for look, found in _looks(office, every, looks):
                live.update(_drawn(look, found), refresh=True)


async def _looks(office: Office, every: float, looks: int) -> Any:
    before: Look | None = None
    number = 0
    while True:
        look = await _look(office, before)
        yield look, rates(before, look)
        before, number = look, number + 1
        if number == looks:
            return
        await asyncio.sleep(every)


async def _look(office: Office, before: Look | None) -> Look:
    from undercroft.jobs.service.office import Filter

    latest = await office.listed(most=1)
    highest = max(before.latest if before else 0, latest[0].id if latest else 0)
    return Look(time.monotonic(), highest, await office.counts(), await office.listed(Filter(state="running"), _ROWS))


def _value(look: Look, found: Rates) -> dict[str, Any]:
    return {
        "counts": look.counts,
        "enqueued_per_second": round(found.enqueued, 1),
        "ended_per_second": round(found.ended, 1),
        "running": [{"id": each.id, "name": each.name, "progress": each.progress} for each in look.running],
    }


def _drawn(look: Look, found: Rates) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("NAME", *(state.upper() for state in STATES)):
        table.add_column(title, justify="left" if title == "NAME" else "right")
    for name, counts in look.counts.items():
        table.add_row(Text(harmless(name)), *(str(counts.get(state, "")) for state in STATES))
    head = Text(f"{look.left} left, {found.enqueued:.0f} enqueued and {found.ended:.0f} ended in a second")
    running = Table(box=None, pad_edge=False, show_header=False)
    for each in look.running:
        share, message = _progress(each.progress)
        bar = "█" * round(share * 20) + "░" * (20 - round(share * 20)) if message is not None else ""
        running.add_row(Text(str(each.id)), Text(harmless(each.name)), Text(bar), Text(harmless(message or "")))
    return Group(head, table, running)


def _progress(told: Any) -> tuple[float, str | None]:
    if not isinstance(told, dict) or not isinstance(told.get("share"), int | float):
        return 0.0, None
    return min(1.0, max(0.0, float(told["share"]))), str(told.get("message") or "")
