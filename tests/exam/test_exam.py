"""The requests of PostgREST's specification, sat against a real server on SQLite. The cases lie outside this
repository."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.exam.sitting import CASES, sit


@pytest.mark.needs("shared")
@pytest.mark.timeout(300)
def test_the_exam_is_passed(root: Path, shared: Path, tmp_path: Path) -> None:
    exam = shared / "exam"
    launch = f"{sys.executable} -m tests.exam.serve --tables {exam / 'tables.json'} --config {{config}} --port {{port}}"
    marks = sit(root, exam, tmp_path / "results.json", launch, {})
    print(f"exam on SQLite: {marks.passed} of {marks.total}")
    assert (marks.total, marks.failed) == (CASES, frozenset())
