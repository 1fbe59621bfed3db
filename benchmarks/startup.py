"""How long from the start of the process until it may be sent requests, and what it holds in memory when idle?

    python -m benchmarks.startup [RUNS]

It serves `examples/social`, seeded, as `undercroft serve` does. The wall clock is what somebody waits for; where other
work shares the machine, processor time is the figure that can be compared. Memory is the resident set of the one
worker process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

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


def main(runs: int = 5) -> int:
    """Print the least of a few runs; 1 where a bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        once(data)  # makes keys, tables and bytecode
        starts = [once(data) for _ in range(runs)]
    wall, processor = min(start.wall for start in starts), min(start.processor for start in starts)
    megabytes = max(start.megabytes for start in starts)
    print(f"start to ready     {wall:6.2f} s   (processor {processor:.2f} s; bar {SECONDS} s, least of {runs})")
    print(f"idle, one worker   {megabytes:6.1f} MB  (bar {MEGABYTES:.0f} MB, most of {runs})")
    return 0 if wall < SECONDS and megabytes < MEGABYTES else 1


def once(data: Path) -> Start:
    """Start, wait until it says that it is ready, look, and end it."""
    command = [sys.executable, "-m", "undercroft", "serve", APP, "--port", "0", "--data", str(data)]
    environment = {**os.environ, "UNDERCROFT_LOG_FORMAT": "json", "PYTHONPATH": str(ROOT)}
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
