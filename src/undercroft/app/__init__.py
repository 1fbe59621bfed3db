"""The top of the house: `App`, and `build`, which joins every room."""

from undercroft.app.application import App
from undercroft.app.building import build
from undercroft.app.databases import SQLITE, place_of, sqlite_file
from undercroft.app.existing import database_app
from undercroft.app.house import House
from undercroft.app.walls import wall_for
from undercroft.app.wiring import load_settings

__all__ = [
    "SQLITE",
    "App",
    "House",
    "build",
    "database_app",
    "load_settings",
    "place_of",
    "sqlite_file",
    "wall_for",
]
