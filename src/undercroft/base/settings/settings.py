"""All settings as one frozen value, made once at start from a file and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr, ValidationError

from undercroft.base.settings.auth_section import Auth
from undercroft.base.settings.graphql_section import Graphql
from undercroft.base.settings.mail_section import Mail
from undercroft.base.settings.outgoing_section import Outgoing, Webhooks
from undercroft.base.settings.pages_section import Pages
from undercroft.base.settings.postgrest_section import Postgrest
from undercroft.base.settings.problems import Problem, SettingsFault
from undercroft.base.settings.sections import Api, Database, Jobs, Log, Section, Server, later
from undercroft.base.settings.sources import Found, read_environ, read_toml
from undercroft.base.settings.vocabulary import is_later, leaves

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path as FilePath

    from undercroft.base.settings.problems import Path


class Settings(Section):
    """What an installation decided. Build it with `load`; sections that nobody mentioned have their defaults."""

    project_id: str | None = later(None)
    api: Api = Api()
    auth: Auth = Auth()
    server: Server = Server()
    database: Database = Database()
    log: Log = Log()
    jobs: Jobs = Jobs()
    mail: Mail = Mail()
    outgoing: Outgoing = Outgoing()
    webhooks: Webhooks = Webhooks()
    pages: Pages = Pages()
    graphql: Graphql = Graphql()
    postgrest: Postgrest = Postgrest()

    _notices: tuple[str, ...] = PrivateAttr(())

    @property
    def notices(self) -> tuple[str, ...]:
        """Lines to print once at start: what was given and is not used. Empty when everything is honoured."""
        return self._notices

    @classmethod
    def load(cls, file: FilePath | None, environ: Mapping[str, str], *, reserved: Collection[str] = ()) -> Self:
        """The settings of `file` (TOML; None for no file), overridden by the `UNDERCROFT_*` variables of `environ`.

        `reserved` are `UNDERCROFT_*` names that the caller reads by itself. Nothing else is looked at: not the working
        directory, not the process's environment. Raises `SettingsFault` with everything that is wrong, each with file
        and line or the variable's name.
        """
        found = Found(cls)
        if file is not None:
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                raise SettingsFault([Problem(str(file), f"cannot be read: {reason}")]) from None
            read_toml(text, file.name, file.parent, environ, found)
        read_environ(environ, reserved, found)
        return cls.made(found)

    @classmethod
    def made(cls, found: Found, *notices: str) -> Self:
        """Check the found values and build; every problem of names and of values is reported together."""
        settings: Self | None = None
        try:
            settings = cls.model_validate(found.nested())
        except ValidationError as error:
            found.problems.extend(_problem(detail, found) for detail in error.errors(include_input=False))
        if found.problems or settings is None:
            raise SettingsFault(found.problems)
        settings._notices = (*_notices(found, settings), *notices)
        return settings


def _problem(detail: Any, found: Found) -> Problem:
    # A place inside a list or a union has more parts than the setting's name: the longest known prefix is it.
    loc = tuple(str(part) for part in detail["loc"])
    path = next((loc[:end] for end in range(len(loc), 0, -1) if loc[:end] in found.places), None)
    if path is None:  # a section as a whole: the place of the first setting in it
        path = loc
        place = next((at for known, at in found.places.items() if known[: len(loc)] == loc), "settings")
    else:
        place = found.places[path]
    message = str(detail["msg"]).removeprefix("Value error, ")
    return Problem(place, f"{'.'.join(path)}: {message[:1].lower()}{message[1:]}")


def _notices(found: Found, settings: Settings) -> list[str]:
    lines = []
    if found.elsewhere:
        names = sorted({".".join(path) for path in found.elsewhere})
        lines.append("sections that are not here yet, left out: " + " ".join(f"[{name}]" for name in names))
    later_ones = {path for path, field in leaves(found.root) if is_later(field)}
    unused = sorted(".".join(path) for path in found.values if path in later_ones and not _is_so(path, settings))
    if unused:
        lines.append("settings that are accepted and not used yet: " + ", ".join(unused))
    return lines


def _is_so(path: Path, settings: Settings) -> bool:
    """`enabled = true` says what is the case anyway: no notice."""
    value: object = settings
    for name in path:
        value = getattr(value, name)
    return path[-1] == "enabled" and value is True
