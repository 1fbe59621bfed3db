"""Templates: Jinja2, where every value is escaped and a name that is not there is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

RESERVED = frozenset({"asset", "auth", "csp_nonce", "csrf_input", "csrf_token"})
"""Names that every template knows."""


class Templates:
    """The templates of an app's folders."""

    def __init__(self, *, reload: bool) -> None:
        """`reload`: they are looked at for changes at every use."""
        import jinja2  # an app without pages starts without it

        self._loader = jinja2.FileSystemLoader
        self._make = partial(
            jinja2.Environment,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=reload,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environments: dict[Path, Environment] = {}

    def render(self, folder: Path, name: str, data: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
        """A template of a folder as text. `ours` are the names that every template knows.

        Raises:
            TemplateNotFound, TemplateSyntaxError, UndefinedError: their tracebacks name the template and the line.
            ValueError: for data that has one of our names.
        """
        if taken := RESERVED & data.keys():
            raise ValueError(f"{name} is given {min(taken)}, a name that every template knows already")
        return self._environment(folder).get_template(name).render(**data, **ours)

    def has(self, folder: Path, name: str) -> bool:
        """Whether there is such a template."""
        return (folder / name).is_file()

    def _environment(self, folder: Path) -> Environment:
        found = self._environments.get(folder)
        if found is None:
            found = self._environments[folder] = self._make(loader=self._loader(folder))
        return found
