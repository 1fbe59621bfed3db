"""Our pages as files: templates in Jinja2, one style sheet, one script. An app's own come before ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Environment

OURS = Path(__file__).parent.parent / "html"
STYLE, SCRIPT = "style.css", "keys.js"
_KINDS = {STYLE: "text/css; charset=utf-8", SCRIPT: "text/javascript; charset=utf-8"}


class Asset(NamedTuple):
    """A file as it is sent."""

    body: bytes
    kind: str
    etag: str


class PageFiles:
    """The files of `auth/html`, over which an app's folder is laid."""

    def __init__(self, folder: Path, style: str, *, reload: bool) -> None:
        """`folder` is where the app may have files of its own. `style` stands behind the style sheet. `reload`: the
        app's files are looked at for changes at every use.
        """
        self._folder = folder
        self._style = style
        self._reload = reload
        self._kept: dict[str, Asset] = {}

    def render(self, name: str, data: Mapping[str, Any]) -> str:
        """A page. Raises what Jinja raises: the traceback names the template and the line."""
        return self._environment.get_template(name).render(data)

    def asset(self, name: str) -> Asset | None:
        """The style sheet or the script; None for any other name."""
        if name not in _KINDS:
            return None
        found = self._kept.get(name)
        if found is None or self._reload:
            found = self._kept[name] = self._read(name)
        return found

    def version(self, name: str) -> str:
        """What changes when one of them does."""
        found = self.asset(name)
        return "" if found is None else found.etag.strip('"')

    def _read(self, name: str) -> Asset:
        own = self._folder / name
        text = (own if own.is_file() else OURS / name).read_text(encoding="utf-8")
        body = (text + self._style if name == STYLE else text).encode()
        return Asset(body, _KINDS[name], f'"{hashlib.sha256(body).hexdigest()[:16]}"')

    @cached_property
    def _environment(self) -> Environment:
        import jinja2  # an app that shows none of our pages starts without it

        ours = jinja2.FileSystemLoader(OURS)
        loaders = [jinja2.FileSystemLoader(self._folder), ours, jinja2.PrefixLoader({"ours": ours})]
        return jinja2.Environment(
            loader=jinja2.ChoiceLoader(loaders),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=self._reload,
            trim_blocks=True,
            lstrip_blocks=True,
        )
