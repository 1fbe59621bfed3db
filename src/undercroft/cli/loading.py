"""An app file: found, run, and, where that fails, told by the line of it that is to blame."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undercroft.base.faults import SetupFault, closest

if TYPE_CHECKING:
    from types import ModuleType

    from undercroft.app import App

USUAL = ("app.py", "main.py")
_PLACE = re.compile(r"(\S.*?\.py):(\d+): ")
_AROUND = 2
"""Lines shown before and after the one to blame."""
_OURS = str(Path(__file__).resolve().parent.parent)


class AppFileFault(SetupFault):
    """An app file that cannot be used. `place` is `app.py:31`, `excerpt` the lines around it."""

    default_code = "UC004"

    def __init__(self, message: str, *, hint: str | None = None, place: str | None = None, excerpt: str = "") -> None:
        super().__init__(message, hint=hint)
        self.place = place
        self.excerpt = excerpt


@dataclass(frozen=True, slots=True)
class Target:
    """Where an app is: a file or a module, and the name of the variable, where one was given."""

    file: Path | None
    module: str
    name: str | None
    root: Path
    """The folder that has to be on the path for the import."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An app, and the folder of its file: `migrations` stands there, and `dev` watches it."""

    app: App
    folder: Path


def find_target(spec: str | None, cwd: Path) -> Target:
    """Read `app.py`, `app.py:name`, `folder`, `package.module` or `package.module:name`; None is `app.py` or `main.py`.

    Raises `AppFileFault` where there is no such file.
    """
    if spec is None:
        spec = next((name for name in USUAL if (cwd / name).is_file()), None)
        if spec is None:
            raise AppFileFault(
                f"there is no {USUAL[0]} in {cwd}",
                hint="Name the file, make a new app with `undercroft new NAME`, or give --database.",
            )
    path, _, name = spec.rpartition(":") if _names_a_variable(spec) else (spec, "", "")
    file = cwd / path
    if file.is_dir():
        file = next((file / usual for usual in USUAL if (file / usual).is_file()), file / USUAL[0])
    if file.is_file():
        return _target_of_file(file.resolve(), name or None)
    if path.endswith(".py") or "/" in path or "\\" in path:
        near = closest(file.name, [each.name for each in file.parent.glob("*.py")] if file.parent.is_dir() else [])
        raise AppFileFault(f"there is no file {path}", hint=f"Did you mean {near}?" if near else None)
    return Target(None, path, name or None, cwd)


def load_app(spec: str | None, cwd: Path) -> Loaded:
    """Run the app file and give its `App`. Raises `AppFileFault`, which names the line that is to blame."""
    target = find_target(spec, cwd)
    if str(target.root) not in sys.path:
        sys.path.insert(0, str(target.root))
    try:
        module = _imported(target)
    except Exception as error:
        raise told_by_line(error, target.file.parent if target.file else target.root) from error
    except SystemExit as error:
        raise AppFileFault(f"the app file ended the program ({error.code})") from error
    file = Path(module.__file__ or target.root)
    return Loaded(_app_of(module, target), file.resolve().parent)


def told_by_line(error: BaseException, folder: Path) -> SetupFault:
    """An error as a fault that shows the last line in it that is not a library's."""
    frame = _frame(error, folder) or _place_in(str(error))
    name = type(error).__name__
    if isinstance(error, SetupFault):
        message = error.message
    elif isinstance(error, SyntaxError):
        message = f"{name}: {error.msg}"
    else:
        message = f"{name}: {str(error).split(chr(10) + '(Background on', 1)[0].strip()}"
    hint = error.hint if isinstance(error, SetupFault) else _hint(error)
    if frame is None:
        return error if isinstance(error, SetupFault) else AppFileFault(message, hint=hint)
    file, line = frame
    place = f"{_shown(file)}:{line}"
    return AppFileFault(
        message.removeprefix(f"{file}:{line}: "), hint=hint, place=place, excerpt=_excerpt(file, line, error)
    )


def _names_a_variable(spec: str) -> bool:
    _, colon, name = spec.rpartition(":")
    return bool(colon) and name.isidentifier()


def _target_of_file(file: Path, name: str | None) -> Target:
    """A file inside of a package is imported as part of it, so that its own imports find the same modules."""
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return Target(file, ".".join(parts), name, folder)


def _imported(target: Target) -> ModuleType:
    if target.file is None or "." in target.module:
        return importlib.import_module(target.module)
    # By its path, not by its name: `app` may be installed, too.
    spec = importlib.util.spec_from_file_location(target.module, target.file)
    if spec is None or spec.loader is None:
        raise AppFileFault(f"{target.file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[target.module] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[target.module]
        raise
    return module


def _app_of(module: ModuleType, target: Target) -> App:
    from undercroft.app import App

    where = target.file.name if target.file else target.module
    apps: dict[str, Any] = {name: value for name, value in vars(module).items() if isinstance(value, App)}
    if target.name is not None:
        if target.name in apps:
            return apps[target.name]  # type: ignore[no-any-return]  # App, by the line above
        near = closest(target.name, apps)
        hint = f"Did you mean {where}:{near}?" if near else f"Apps in it: {', '.join(apps) or 'none'}."
        raise AppFileFault(f"{where} has no App called {target.name}", hint=hint)
    if "app" in apps or len({id(app) for app in apps.values()}) == 1:
        return apps["app"] if "app" in apps else next(iter(apps.values()))  # type: ignore[no-any-return]
    if apps:
        raise AppFileFault(f"{where} has several apps: {', '.join(apps)}", hint=f"Name one: {where}:{next(iter(apps))}")
    raise AppFileFault(f"{where} has no App in it", hint="It needs a line `app = App()`, from `undercroft`.")


def _frame(error: BaseException, folder: Path) -> tuple[str, int] | None:
    """File and line of the user's own code where the error came from."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return error.filename, error.lineno
    for cause in (error, error.__cause__):
        if cause is None:
            continue
        frames = [(frame.filename, frame.lineno or 1) for frame in traceback.extract_tb(cause.__traceback__)]
        own = [frame for frame in frames if _is_own(frame[0], folder)]
        if own:
            return own[-1]
    return None


def _place_in(message: str) -> tuple[str, int] | None:
    """The `app.py:31` with which faults about a declaration begin."""
    found = _PLACE.match(message)
    return (found[1], int(found[2])) if found else None


def _is_own(filename: str, folder: Path) -> bool:
    path = Path(filename)
    if filename.startswith(("<", _OURS)):
        return False
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return path.is_relative_to(folder) or not path.is_relative_to(Path(traceback.__file__).parent)


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _excerpt(file: str, line: int, error: BaseException) -> str:
    lines = []
    for number in range(max(1, line - _AROUND), line + _AROUND + 1):
        text = linecache.getline(file, number)
        if not text and number > line:
            break
        lines.append(f"{'>' if number == line else ' '} {number:4} | {text.rstrip()}")
        if number == line and isinstance(error, SyntaxError) and error.offset:
            lines.append(f"       | {' ' * (error.offset - 1)}^")
    return "\n".join(lines)


def _hint(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"Install it, if {error.name} is a package: pip install {error.name.partition('.')[0]}"
    if isinstance(error, NameError) and error.name:
        from undercroft import __all__ as public

        return f"from undercroft import {error.name}" if error.name in public else None
    return None
