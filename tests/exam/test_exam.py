"""The requests of PostgREST's specification, sat against a real server on SQLite. The cases lie outside this
repository."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BAR = 313
"""Of 314 requests, as promised; the figure that a run prints is the true one."""

OTHER_BYTES = {"b1ff0e2470.1": "Content-Length: PostgreSQL's jsonb puts spaces into what is embedded, we do not"}


@pytest.mark.needs("shared")
@pytest.mark.timeout(300)
def test_the_exam_is_passed(root: Path, shared: Path, tmp_path: Path) -> None:
    exam = shared / "exam"
    launch = f"{sys.executable} -m tests.exam.serve --tables {exam / 'tables.json'} --config {{config}} --port {{port}}"
    results = tmp_path / "results.json"
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
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr
    marked = json.loads(results.read_text())
    failed = {case["id"] for case in marked["cases"] if not case["pass"]}
    print(f"exam on SQLite: {marked['pass']} of {marked['total']}")
    assert marked["total"] == 314
    assert marked["pass"] >= BAR
    assert failed <= OTHER_BYTES.keys()
