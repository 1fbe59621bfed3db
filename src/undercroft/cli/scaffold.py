"""`undercroft new NAME`: an app that runs, to be changed into one's own."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.telling import say

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "app.py.txt": "app.py",
    "test_app.py.txt": "test_app.py",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
    "undercroft.toml.txt": "undercroft.toml",
}
"""Template in `template/`, and what it becomes."""


def make_app(name: str, where: Path) -> Path:
    """Make the folder `name` with an app in it. Raises `SetupFault` where it is there and not empty."""
    folder = where / name
    title = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9][\w .-]*", title):
        raise SetupFault(f"{title!r} is no good name for a folder", hint="Letters, digits, - and _.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupFault(f"{name} is there already, and not empty", hint="Choose another name.")
    folder.mkdir(parents=True, exist_ok=True)
    template = files("undercroft.cli") / "template"
    for source, target in FILES.items():
        text = (template / source).read_text(encoding="utf-8")
        (folder / target).write_text(text.replace("{{title}}", title), encoding="utf-8")
    say(f"Made {name}:")
    for target in sorted(FILES.values()):
        say(f"  {target}")
    say(f"\nServe it:\n  cd {name}\n  undercroft dev")
    return folder
