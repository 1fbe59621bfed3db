"""One sitting of the exam: the runner that lies beside the repository, and a server that it starts for every
configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CASES = 314
SECONDS = 280


@dataclass(frozen=True, slots=True)
class Marks:
    """What a run gave."""

    passed: int
    total: int
    failed: frozenset[str]
    """The cases' names."""


def sit(root: Path, exam: Path, results: Path, launch: str, environ: Mapping[str, str]) -> Marks:
    """Sit all visible cases. `launch` is the server's command with `{config}` and `{port}`; `environ` is added to its
    environment, `results` is a file to write."""
    command = [
        sys.executable,
        str(exam / "run.py"),
        "--launch",
        launch,
        "--cases",
        str(exam / "cases.json"),
        "--results",
        str(results),
    ]
    run = subprocess.run(
        command, cwd=root, env={**os.environ, **environ}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stderr
    marked = json.loads(results.read_text())
    failed = frozenset(case["id"] for case in marked["cases"] if not case["pass"])
    return Marks(marked["pass"], marked["total"], failed)
