"""From a TOML text and from environment variables to `{path: value}`: names checked, values not yet."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, get_args

from undercroft.base.faults import closest
from undercroft.base.settings.problems import Problem, SettingsFault, line_of
from undercroft.base.settings.vocabulary import ELSEWHERE, PREFIX, leaves, meant, subsection, variable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic.fields import FieldInfo

    from undercroft.base.settings.problems import Path
    from undercroft.base.settings.sections import Section

_ENV = re.compile(r"env\(([^()]*)\)")


@dataclass(slots=True)
class Found:
    """What the sources say: values and where each came from, sections that are not here yet, and what is wrong."""

    root: type[Section]
    values: dict[Path, Any] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)
    elsewhere: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def nested(self) -> dict[str, Any]:
        """The values as pydantic wants them: one mapping per section."""
        out: dict[str, Any] = {}
        for path, value in self.values.items():
            table = out
            for name in path[:-1]:
                table = table.setdefault(name, {})
            table[path[-1]] = value
        return out


def read_toml(text: str, name: str, base: FilePath, environ: Mapping[str, str], found: Found) -> None:
    """Add what a settings file says. Relative paths in it start from `base`; `env(NAME)` is filled from `environ`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsFault([Problem(name, f"not TOML: {error}")]) from None

    def place(path: Path) -> str:
        line = line_of(text, path)
        return name if line is None else f"{name}:{line}"

    def walk(table: Mapping[str, Any], model: type[Section], above: Path) -> None:
        for key, value in table.items():
            path = (*above, key)
            known = model.model_fields.get(key)
            inner = subsection(known) if known else None
            if path in ELSEWHERE:
                found.elsewhere.append(path)
            elif known is None:
                where = f"[{'.'.join(above)}]" if above else "the file"
                kind = "section" if isinstance(value, dict) else "key"
                message = f'unknown {kind} "{key}" in {where}'
                found.problems.append(Problem(place(path), message, meant(path, model, found.root)))
            elif inner is None:
                found.places[path] = place(path)
                found.values[path] = _filled(value, path, known, base, environ, found)
            elif isinstance(value, dict):
                walk(value, inner, path)
            else:
                found.problems.append(Problem(place(path), f"{'.'.join(path)} should be a section"))

    walk(document, found.root, ())


def _filled(value: Any, path: Path, known: FieldInfo, base: FilePath, environ: Mapping[str, str], found: Found) -> Any:
    """The value with `env(NAME)` replaced (a missing variable is a problem: never a secret named "env(…)")."""
    if isinstance(value, list):
        filled = [_filled(item, path, known, base, environ, found) for item in value]
        # A variable in a list may itself be one, of several.
        return [one for item in filled for one in (item if isinstance(item, list) else [item])]
    if isinstance(value, dict):
        return {name: _filled(item, path, known, base, environ, found) for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if named := _ENV.fullmatch(value):
        if named[1] not in environ:
            hint = "set it, or remove the line"
            found.problems.append(Problem(found.places[path], f"{value}: no such environment variable", hint))
        return _from_text(environ.get(named[1], ""), known)
    if _holds(known, FilePath) and value:
        return base / value
    return value


def read_environ(environ: Mapping[str, str], reserved: Collection[str], found: Found) -> None:
    """Add the `UNDERCROFT_*` variables, over what a file said. `reserved` are names that somebody else reads."""
    names = {variable(path): (path, known) for path, known in leaves(found.root)}
    sections = {variable(path) + "_": path for path in ELSEWHERE}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in reserved:
            continue
        if name in names:
            path, known = names[name]
            found.values[path] = _from_text(environ[name], known)
            found.places[path] = name
        elif section := next((sections[start] for start in sections if name.startswith(start)), None):
            found.elsewhere.append(section)
        else:
            near = closest(name, [*names, *reserved])
            hint = f"did you mean {near}?" if near else None
            found.problems.append(Problem(name, "unknown setting in the environment", hint))


def _from_text(text: str, known: FieldInfo) -> Any:
    """A variable's text as the setting takes it: a list is split at commas, nothing is None where None is allowed."""
    if _holds(known, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if text == "" and _holds(known, type(None)):
        return None
    return text


def _holds(known: FieldInfo, kind: type) -> bool:
    """Whether the setting's type is `kind`, or a union with it."""
    annotation = known.annotation
    choices = (annotation, getattr(annotation, "__origin__", None), *get_args(annotation))
    return kind in choices
