"""What every question is handed: the world, and how long to look."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.world import World


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmarks."""

    world: World
    rounds: int = 15
    """Rounds of each contestant; each takes `seconds`."""
    seconds: int = 1
