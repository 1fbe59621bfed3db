"""The rules of the house that no linter knows: how files are called, how long they are, what may not stand in them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "undercroft"
FOLDERS = ("src", "tests", "examples", "benchmarks", "docs", "scripts", "requirements", ".ci")
NOT_OURS = frozenset({".git", "__pycache__", "node_modules", "vendored", "_vendor"})
MOST_LINES = 400
NO_NAMES = frozenset({"utils", "util", "helpers", "helper", "core", "misc", "common", "manager", "stuff"})

MODULES = sorted(SOURCE.rglob("*.py"))

# Each opens with a bracketed letter, so that this file does not hold what it looks for.
REGISTRIES = re.compile(
    r"[p]ypi\.org|[p]ythonhosted\.org|[r]egistry\.npm|[n]pmjs\.org|[d]eb\.debian\.org|[s]ecurity\.debian\.org"
    r"|^\s*--(?:extra-)?[i]ndex-url|^\s*--[f]ind-links",
    re.MULTILINE,
)
MACHINES = re.compile(r"(?<![\w.~-])/(?:work|farm|root|Users)/|(?<![\w.~-])/home/[a-z]|[b]ash_jobs")


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository that is ours."""
    for path in [*ROOT.iterdir(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]:
        if path.is_file() and not NOT_OURS & set(path.relative_to(ROOT).parts) and ".min." not in path.name:
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0].strip()}"
        for path, text in texts()
        for match in pattern.finditer(text)
    ]


def test_there_is_a_house_to_look_at() -> None:
    assert len(MODULES) > 5
    assert len(list(texts())) > 20


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRIES) == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    assert found(MACHINES) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (REGISTRIES, "https://files.py" + "thonhosted.org/x.whl"),
        (REGISTRIES, '"resolved": "https://regi' + "stry.npm" + 'js.org/x.tgz"'),
        (REGISTRIES, "--in" + "dex-url https://example.org/simple"),
        (MACHINES, "cd /wo" + "rk/main"),
        (MACHINES, 'open("/ho' + 'me/ada/x")'),
    ],
    ids=["wheel", "tarball", "index", "root", "home"],
)
def test_the_patterns_find_what_they_look_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize(
    "text",
    ["src/undercroft/wo" + "rk/x.py", "https://example.org/ho" + "me/a", "~/wo" + "rk/x", "the network/ro" + "ot/leaf"],
)
def test_an_innocent_path_is_left_alone(text: str) -> None:
    assert not MACHINES.search(text)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(SOURCE)))
def test_a_module_says_what_it_is_for_and_can_be_seen_whole(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    says = ast.get_docstring(ast.parse(text)) or ""
    assert len(says) >= 20, "a module opens with a docstring that says what it is for"
    assert text.count("\n") <= MOST_LINES, f"longer than {MOST_LINES} lines: which two things is it?"


def test_nothing_has_a_name_that_says_nothing() -> None:
    named = {path.relative_to(SOURCE) for path in SOURCE.rglob("*") if path.stem in NO_NAMES}
    assert named == set()


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder without `__init__` would be invisible to the import rules."""
    folders = {module.parent for module in MODULES}
    assert {folder.relative_to(SOURCE) for folder in folders if not (folder / "__init__.py").is_file()} == set()


def test_modules_are_imported_by_name_where_a_choice_is_made_and_nowhere_else() -> None:
    """The import rules see import statements; the driver and the user's app file are chosen while running."""
    used = {
        m.relative_to(SOURCE).parts[0]
        for m in MODULES
        if re.search(r"\bimport_module|__import__\(", m.read_text("utf-8"))
    }
    assert used <= {"engine", "cli"}


def test_the_extra_called_all_brings_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    (everything,) = extras.pop("all")
    assert sorted(everything.removeprefix("undercroft[").removesuffix("]").split(",")) == sorted(extras)


def test_every_locked_version_has_a_hash() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        pins = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"), flags=re.IGNORECASE)[1:]
        assert len(pins) > 20
        assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_what_runs_and_what_is_tested_have_the_same_versions() -> None:
    run, dev = (
        set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE | re.IGNORECASE))
        for name in ("run.txt", "dev.txt")
    )
    assert run - dev == set()
