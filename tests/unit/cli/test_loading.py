"""An app file is found as somebody means it, and a mistake in it is told by its line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from undercroft.base.faults import SetupFault
from undercroft.cli.loading import AppFileFault, find_target, load_app, told_by_line
from undercroft.cli.options import ServeOptions, open_app, read_settings
from undercroft.cli.worker import build_house

GOOD = "from undercroft import App\napp = App(title='Good')\n"


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """What a test imports is forgotten."""
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if not name.startswith(("undercroft", "sqlalchemy")):
            del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_file_by_default_by_name_by_folder_and_by_variable(tmp_path: Path) -> None:
    write(tmp_path, app=GOOD, sub__main=GOOD.replace("app =", "mine ="))
    assert load_app(None, tmp_path).app.title == "Good"
    assert load_app("app.py", tmp_path).folder == tmp_path
    assert load_app("sub", tmp_path).folder == tmp_path / "sub"
    assert load_app("sub/main.py:mine", tmp_path).app.title == "Good"


def test_a_module_and_a_file_in_a_package_are_imported_under_their_own_names(tmp_path: Path) -> None:
    write(tmp_path, pack____init__="", pack__words="WORD = 'Inner'\n")
    (tmp_path / "pack" / "__init__.py").write_text("")
    text = "from undercroft import App\nfrom .words import WORD\napp = App(title=WORD)\n"
    write(tmp_path, pack__serve=text)
    assert find_target("pack/serve.py", tmp_path).module == "pack.serve"
    loaded = load_app("pack/serve.py", tmp_path)
    assert loaded.app.title == "Inner"
    assert loaded.folder == tmp_path / "pack"
    assert load_app("pack.serve:app", tmp_path).app is loaded.app


@pytest.mark.parametrize(
    ("text", "spec", "message", "hint"),
    [
        ("x = 1", "app.py", "has no App in it", "app = App()"),
        ("from undercroft import App\na, b = App(), App()", "app.py", "several apps: a, b", "app.py:a"),
        ("from undercroft import App\nmine = App()", "app.py:mien", "no App called mien", "app.py:mine"),
        (GOOD, "ap.py", "no file ap.py", "app.py"),
        ("raise SystemExit(3)", "app.py", "ended the program (3)", None),
    ],
)
def test_what_is_not_an_app(tmp_path: Path, text: str, spec: str, message: str, hint: str | None) -> None:
    with pytest.raises(AppFileFault, match=message.replace("(", r"\(").replace(")", r"\)")) as caught:
        load_app(spec, write(tmp_path, app=text))
    assert (hint in (caught.value.hint or "")) if hint else caught.value.hint is None


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("\n\napp = Ap(", 3, "SyntaxError: '(' was never closed", None),
        ("\napp = App()", 2, "NameError: name 'App' is not defined", "from undercroft import App"),
        ("import nothing_like_it", 1, "ModuleNotFoundError", "pip install nothing_like_it"),
        (
            GOOD + "from undercroft import Model\nclass T(Model):\n    __tablename__ = 't'\n",
            4,
            "could not assemble any primary key",
            None,
        ),
        (
            GOOD + "\n@app.policy(5, 'select')\ndef p(t):\n    return True\n",
            4,
            "5 is neither a model nor a table",
            None,
        ),
        (GOOD + "@app.rpc()\ndef f(ctx):\n    pass\n", 3, "must be declared with `async def`", None),
    ],
)
def test_a_mistake_is_told_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, message: str, hint: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppFileFault) as caught:
        load_app("app.py", write(tmp_path, app=text))
    fault = caught.value
    assert fault.place == f"app.py:{line}"
    assert message in fault.message
    assert "site-packages" not in fault.excerpt
    assert "Background on" not in fault.message
    (marked,) = [each for each in fault.excerpt.splitlines() if each.startswith(">")]
    assert text.splitlines()[line - 1] in marked
    assert (hint or "") in (fault.hint or "")


def test_a_mistake_in_a_module_that_the_app_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, app="import rules\n" + GOOD, rules="x = 1\ny = x.nothing\n")
    with pytest.raises(AppFileFault, match="has no attribute 'nothing'") as caught:
        load_app("app.py", tmp_path)
    assert caught.value.place == "rules.py:2"


def test_a_fault_that_names_its_place_in_words(tmp_path: Path) -> None:
    file = write(tmp_path, app=GOOD) / "app.py"
    told = told_by_line(SetupFault(f"{file}:2: the policy p is wrong", hint="mend it"), tmp_path)
    assert isinstance(told, AppFileFault)
    assert (told.message, told.hint, told.place) == ("the policy p is wrong", "mend it", f"{file}:2")


def test_a_fault_without_a_place_stays_as_it_is(tmp_path: Path) -> None:
    fault = SetupFault("the data directory is wrong")
    assert told_by_line(fault, tmp_path) is fault


def test_the_policy_that_breaks_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from undercroft import App
class Base(DeclarativeBase): pass
app = App(Base)
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
@app.policy(Note, "select")
def fine(note):
    return note.id > 1
@app.policy(Note, "delete", to="service_role")
def broken(note):
    return note.author == 1
"""
    options = ServeOptions(data=tmp_path / "data")
    write(tmp_path, app=text)
    opened = open_app(options, read_settings(options))
    with pytest.raises(AppFileFault, match=r"the policy broken cannot be used: .*author") as caught:
        build_house(options, opened)
    assert caught.value.place == "app.py:14"
    assert "    return note.author == 1" in caught.value.excerpt
