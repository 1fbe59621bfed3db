"""A run tells what it left out, and on CI leaves out nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
INI = """
[pytest]
pythonpath = .
addopts = --strict-markers --import-mode=importlib
markers = needs(*tools): tools
filterwarnings = error
"""


def run(folder: Path, body: str, *, ci: bool, arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run pytest over one test file, in a repository of its own that has this one's conftest."""
    tests = folder / "repository" / "tests"
    tests.mkdir(parents=True)
    for name in ("conftest.py", "postgres.py", "temporary.py"):
        shutil.copy(TESTS / name, tests)
    (tests.parent / "pytest.ini").write_text(INI, encoding="utf-8")
    (tests / "test_it.py").write_text(f"import pytest\n\n{body}\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=tests.parent,
        env={
            **os.environ,
            "CI": "true" if ci else "",
            "PATH": str(folder / "no-tools"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # loading all of them is most of the time
        },
        capture_output=True,
        text=True,
        check=False,
    )


GOOD = "def test_good(): pass\n"
NEEDS_A_TOOL = GOOD + "@pytest.mark.needs('strace')\ndef test_traced(): pass"
NEEDS_SHARED = GOOD + "@pytest.mark.needs('shared')\ndef test_on_it(shared): assert shared.is_dir()"


def test_a_missing_tool_is_named_and_forgiven(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS_A_TOOL, ci=False)
    assert result.returncode == 0, result.stdout
    assert "Not run" in result.stdout
    assert "needs strace: the command strace is missing" in result.stdout
    assert "test_it.py::test_traced" in result.stdout


@pytest.mark.parametrize(
    "body",
    [
        NEEDS_A_TOOL,
        GOOD + "def test_left(): pytest.skip('later')",
        GOOD + "@pytest.mark.skip\ndef test_left(): pass",
        GOOD + "@pytest.mark.xfail(strict=True)\ndef test_left(): assert False",
        GOOD + "@pytest.mark.xfail(strict=False)\ndef test_left(): pass",
        GOOD + "pytest.importorskip('no_such_module')",
        GOOD + "def test_left(subtests):\n    with subtests.test('a'):\n        pytest.skip('later')",
        GOOD + "@pytest.mark.needs('shared', 'strace')\ndef test_left(): pass",
    ],
    ids=["tool", "skip", "skip mark", "xfail", "xpass", "module", "subtest", "two tools"],
)
def test_on_ci_whatever_is_left_out_fails_the_run(body: str, tmp_path: Path) -> None:
    result = run(tmp_path, body, ci=True)
    assert result.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED), result.stdout
    assert "With CI=true nothing may be left out" in result.stdout


def test_that_holds_for_tests_side_by_side(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS_A_TOOL, ci=True, arguments=("-p", "xdist", "-n", "1"))
    assert result.returncode == pytest.ExitCode.TESTS_FAILED, result.stdout


def test_on_ci_a_whole_run_passes(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD, ci=True)
    assert result.returncode == 0, result.stdout
    assert "Not run" not in result.stdout


def test_material_that_not_everybody_has_may_be_absent_on_ci(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS_SHARED, ci=True)
    assert result.returncode == 0, result.stdout
    assert "no folder ../shared" in result.stdout


def test_material_that_is_there_is_used(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    result = run(tmp_path, NEEDS_SHARED, ci=True)
    assert "2 passed" in result.stdout


def test_a_tool_nobody_knows_is_a_mistake(tmp_path: Path) -> None:
    result = run(tmp_path, "@pytest.mark.needs('starce')\ndef test_traced(): pass", ci=False)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "'starce'" in result.stdout + result.stderr


def test_full_length_is_asked_for(tmp_path: Path) -> None:
    body = "def test_rounds(rounds): assert rounds(3, 100) == 100"
    assert run(tmp_path / "usual", body, ci=False).returncode == 1
    assert run(tmp_path / "full", body, ci=False, arguments=("--soak",)).returncode == 0
