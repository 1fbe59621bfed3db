"""The verbs of an app file for pages and files: lists that `build` reads once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from undercroft.base.faults import SetupFault
from undercroft.models.declarations import Roles, roles_of
from undercroft.pages.parts.paths import names_of
from undercroft.pages.types import Files, PageRoute
from undercroft.web.handlers import read_handler
from undercroft.web.methods import read_methods, read_timeout

F = TypeVar("F", bound=Callable[..., Any])


class PageDeclarations:
    """What an app declared of pages and files, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[PageRoute] = []
        self.files: list[Files] = []

    def page(
        self,
        path: str,
        *,
        methods: Iterable[str] = ("GET",),
        to: Roles = None,
        public: bool = False,
        templates: str | Path = "templates",
        timeout: float | None = None,
    ) -> Callable[[F], F]:
        """Serve what the decorated coroutine gives, `Page("contact.html", …)` or `Redirect("/thanks")`, at a path.

        Its first parameter is the context. One named in the path (`/posts/{slug}`) takes that segment, the one named
        `form` takes the form as its type says, `errors: FormErrors` is told what is wrong with it, one of the type
        `WebRequest` takes the whole request, and the others are taken from the query.

        Args:
            methods: those that it takes; HEAD comes with GET.
            to: the roles that may see it; everybody when left out.
            public: shown also where the settings let nobody in without a key.
            templates: the folder of its templates, as seen from the file that declares it.
            timeout: seconds; as `[server] handler_timeout` says when left out.

        Raises:
            SetupFault: where the coroutine or an option is wrong; it names the line.
        """

        def declare(run: F) -> F:
            source = f"{run.__code__.co_filename}:{run.__code__.co_firstlineno}"
            found, seconds = read_methods(methods, source), read_timeout(timeout, source)
            handler = read_handler(run, payload="form", segments=names_of(path, source))
            if handler.streams:
                raise SetupFault(f"{source}: a page is rendered as a whole; a function may stream")
            form = handler.payload
            if "GET" in found and form is not None and not (form.optional or form.has_default):
                raise SetupFault(
                    f"{source}: {path} is asked for by GET, and must do without `form`: form: … | None = None"
                )
            beside = Path(run.__code__.co_filename).resolve().parent / templates
            self.pages.append(PageRoute(path, handler, found, roles_of(to), public, beside, seconds))
            return run

        return declare

    def static(self, path: str, folder: str | Path) -> None:
        """Serve the files of a folder, as seen from the file that says so, under a path.

        Templates name one by `{{ asset("site.css") }}`: an address with a hash of its content, kept for ever.

        Raises:
            SetupFault: where there is no such folder, or the path is none.
        """
        self.files.append(_files(path, folder, fallback=False, immutable=()))

    def spa(self, path: str, folder: str | Path, *, immutable: str | Iterable[str] = ()) -> None:
        """Serve a single-page application as it was built: its files, and its index.html to who navigates elsewhere.

        `immutable` are the folders in it whose files have a hash in their names, such as "assets/".

        Raises:
            SetupFault: where there is no such folder, or the path is none.
        """
        folders = (immutable,) if isinstance(immutable, str) else tuple(immutable)
        self.files.append(_files(path, folder, fallback=True, immutable=folders))


def _files(path: str, folder: str | Path, *, fallback: bool, immutable: tuple[str, ...]) -> Files:
    frame = sys._getframe(2)  # whoever says so: a folder is seen from the app file, not from where the process stands
    source = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if names_of(path.rstrip("/") or "/", source):
        raise SetupFault(f"{source}: the path of a folder has no names in braces")
    where = Path(frame.f_code.co_filename).resolve().parent / folder
    if not where.is_dir():
        raise SetupFault(f"{source}: there is no folder {where}")
    return Files(path.rstrip("/"), where, fallback, immutable, source)
