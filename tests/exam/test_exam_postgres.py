"""The same requests against an existing PostgreSQL database, served by PostgREST's own configuration: by somebody who
owns nothing and becomes the anonymous role. The cases lie outside this repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.exam.postgres import fill
from tests.exam.sitting import CASES, sit


@pytest.mark.needs("shared", "postgres")
@pytest.mark.timeout(300)
def test_the_exam_is_passed_without_a_fault(root: Path, shared: Path, tmp_path: Path, postgres_url: str) -> None:
    exam = shared / "exam"
    authenticator = fill(postgres_url, json.loads((exam / "tables.json").read_text()))
    launch = f"{sys.executable} -m undercroft serve --postgrest-config {{config}} --port {{port}}"
    marks = sit(root, exam, tmp_path / "results.json", launch, {"PGRST_DB_URI": authenticator})
    print(f"exam on PostgreSQL: {marks.passed} of {marks.total}")
    assert (marks.total, marks.failed) == (CASES, frozenset())
