"""What was asked for on the command line: one value, which a child process can be handed, and settings made of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from undercroft.app import App
    from undercroft.base.settings import Settings

SETTINGS_FILE = "undercroft.toml"
ServerName = Literal["granian", "uvicorn"]


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every command that looks at an installation takes. None means: as the settings say."""

    app: str | None = None
    """`app.py`, `app.py:name` or `package.module:name`."""
    database: str | None = None
    data: Path | None = None
    config: Path | None = None
    postgrest_config: Path | None = None
    """A PostgREST configuration file, in place of `config`."""

    def variables(self) -> dict[str, str]:
        """The arguments as the `UNDERCROFT_*` variables that say the same."""
        given = {"UNDERCROFT_DATABASE_URL": self.database, "UNDERCROFT_DATABASE_DATA": self.data}
        return {name: str(value) for name, value in given.items() if value is not None}


class ServeOptions(Common, frozen=True, kw_only=True):
    """The arguments of `serve` and `dev`."""

    host: str | None = None
    port: int | None = None
    unix_socket: Path | None = None
    workers: int | None = None
    anon: Literal["read", "none"] | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    server: ServerName = "granian"
    dev: bool = False
    """Migrations are applied, keys and findings shown, example secrets let pass."""
    rename: tuple[str, ...] = ()
    allow_data_loss: bool = False

    def variables(self) -> dict[str, str]:
        given = {
            "UNDERCROFT_SERVER_HOST": self.host,
            "UNDERCROFT_API_PORT": self.port,
            "UNDERCROFT_SERVER_UNIX_SOCKET": self.unix_socket,
            "UNDERCROFT_SERVER_WORKERS": self.workers,
            "UNDERCROFT_API_ANON": self.anon,
            "UNDERCROFT_API_TLS_CERT_PATH": self.tls_cert,
            "UNDERCROFT_API_TLS_KEY_PATH": self.tls_key,
            "UNDERCROFT_API_TLS_ENABLED": "true" if self.tls_cert or self.tls_key else None,
        }
        return super().variables() | {name: str(value) for name, value in given.items() if value is not None}


def read_settings(options: Common) -> Settings:
    """The settings: of `--config`, else of `undercroft.toml` here; over them the environment, over that the arguments.

    Raises `SettingsFault`.
    """
    from undercroft.base.settings import Settings, load_postgrest

    if options.postgrest_config is not None:
        return load_postgrest(options.postgrest_config, {**os.environ, **options.variables()})
    file = options.config or (Path(SETTINGS_FILE) if Path(SETTINGS_FILE).is_file() else None)
    return Settings.load(file, {**os.environ, **options.variables()})


class Opened(msgspec.Struct, frozen=True):
    """An app with the settings that it is to have, not built yet."""

    app: App
    settings: Settings
    folder: Path | None
    """The folder of the app file; None without a file."""

    @property
    def migrations(self) -> Path | None:
        return self.folder / "migrations" if self.folder is not None else None


def of_a_file(options: Common) -> Common:
    """For what only an app has: its usual file counts also beside a database that is named."""
    from undercroft.cli.loading import USUAL

    file = next((name for name in USUAL if Path(name).is_file()), None)
    return options if options.app is not None or file is None else msgspec.structs.replace(options, app=file)


def open_with_policies(options: Common, settings: Settings) -> Opened:
    """As `open_app`, for what tells of policies. Raises `SetupFault` for a database that has its own."""
    from undercroft.app.databases import is_served
    from undercroft.base.faults import SetupFault

    if options.app is None and settings.database.url is not None and is_served(settings):
        raise SetupFault(
            "without an app file, this PostgreSQL database decides for itself: its policies are not ours to tell of",
            hint="Name the app (--app app.py); or ask the server for a plan: [api] plan = true, and "
            "Accept: application/vnd.pgrst.plan+text.",
        )
    return open_app(options, settings)


def open_app(options: Common, settings: Settings) -> Opened:
    """The app that the arguments name; with a database and no file, one by reflection. Raises `SetupFault`."""
    if options.app is None and settings.database.url is not None:
        from undercroft.app import database_app

        return Opened(database_app(settings), settings, None)
    from undercroft.cli.loading import load_app

    loaded = load_app(options.app, Path.cwd())
    if loaded.app.settings is None:
        loaded.app.settings = settings
    return Opened(loaded.app, loaded.app.settings, loaded.folder)
