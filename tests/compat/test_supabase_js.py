"""supabase-js from npm, unmodified: every scenario of `scenarios.mjs`, through each release that package.json names.

Node runs all of them once for each release; every scenario is a case here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.compat.conftest import Served

HERE = Path(__file__).parent
RELEASES = ("supabase-js", "supabase-js-node20")

Results = Mapping[str, Mapping[str, Any]]


def scenario_names() -> list[str]:
    """The names in the order of the file, read as text: collecting tests must not need Node."""
    text = (HERE / "scenarios.mjs").read_text(encoding="utf-8")
    names = re.findall(r'^ *scenario\("([^"]+)"', text, re.MULTILINE)
    table = text[text.index("const filters = ") : text.index("const CAPABILITY")]
    names += [f"filter: {name}" for name in re.findall(r'^ {2}\["([^"]+)"', table, re.MULTILINE)]
    table = text[text.index("const refusals = ") : text.index("for (const [name, apply] of refusals)")]
    names += [f"refused by name on SQLite: {name}" for name in re.findall(r'^ {2}\["([^"]+)"', table, re.MULTILINE)]
    return names


NAMES = scenario_names()

pytestmark = pytest.mark.needs("compat")


@pytest.fixture(scope="module", params=RELEASES)
def results(request: pytest.FixtureRequest, served: Served) -> Results:
    """What came of each scenario, by name."""
    ran = subprocess.run(
        ["node", "run.mjs", request.param],
        cwd=HERE,
        input=json.dumps(served._asdict()),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return {each["name"]: each for each in json.loads(ran.stdout)}


def test_every_scenario_was_run(results: Results) -> None:
    assert sorted(results) == sorted(NAMES)
    assert len(NAMES) > 100


@pytest.mark.parametrize("name", NAMES)
def test_supabase_js(results: Results, name: str) -> None:
    assert results[name]["error"] is None, results[name]["error"]


@pytest.mark.needs("shared")
def test_every_capability_of_the_client_is_shown(results: Results, shared: Path) -> None:
    """The client's own list of what it can ask of a database and of functions."""
    text = (shared / "contracts" / "supabase-sdk-capabilities.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^ {2}((?:database|functions)\.[\w.]+):\n {4}status: implemented", text, re.MULTILINE)
    listed = {name.removeprefix("database.") for name in names}
    assert "functions.invocation.invoke" in listed
    shown = {capability for each in results.values() for capability in each["covers"]}
    assert len(listed) > 40
    assert listed - shown == set()
    assert shown - listed == set()
