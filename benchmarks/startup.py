"""How long from the start of the process until it may be sent requests, and what it holds in memory when idle?

    python -m benchmarks.startup [RUNS]

It serves `examples/social` as `undercroft serve` does, its database and its bytecode made by a start before. The wall
clock is what somebody waits for; where other work shares the machine, processor time is the figure that can be
compared. Memory is the resident set of the one worker process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle

ROOT = Path(__file__).resolve().parent.parent
APP = "examples/social/app.py"
SECONDS, MEGABYTES = 1.5, 120.0
"""The bars."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds on the wall clock, seconds of the processor, megabytes when idle."""

    wall: float
    processor: float
    megabytes: float


def measure(bench: Bench) -> Iterator[Figure]:
    """Both figures, on the seeded example."""
    yield from figures(bench.world.data, 5)


def figures(data: Path, runs: int) -> Iterator[Figure]:
    once(data)  # makes keys, tables and bytecode where there are none
    starts = [once(data) for _ in range(runs)]
    processor = middle([start.processor for start in starts])
    yield Figure(
        "start to ready",
        Bar(SECONDS, least=False, unit=" s"),
        middle([start.wall for start in starts]),
        f"{runs} starts; {processor.figure:.2f} s of the processor",
    )
    yield Figure(
        "idle memory of one worker",
        Bar(MEGABYTES, least=False, unit=" MB"),
        middle([start.megabytes for start in starts]),
        "resident, half a second after it was ready",
    )


def main(runs: int = 5) -> int:
    """Print the figures on an empty database; 1 where a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(figures(Path(folder) / "data", runs))
    for each in found:
        print(f"{each.what:26} {each.middle.figure:7.2f}{each.bar.unit if each.bar else '':3}  {each.bar}: {each.note}")
    return 0 if all(each.reached for each in found) else 1


def once(data: Path) -> Start:
    """Start, wait until it says that it is ready, look, and end it."""
    command = [sys.executable, "-m", "undercroft", "serve", APP, "--port", "0", "--data", str(data)]
    environment = {**os.environ, "UNDERCROFT_LOG_FORMAT": "json", "PYTHONPYCACHEPREFIX": str(data.parent / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a server without bytecode compiles SQLAlchemy at every start
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if '"ready"' in line:
                break
        else:
            raise SystemExit("it did not start")
        wall = time.perf_counter() - began
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        time.sleep(0.5)
        return Start(wall, (int(fields[11]) + int(fields[12])) / _TICKS, resident(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def resident(pid: int) -> float:
    """Megabytes of memory that a process has resident (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:2])))
