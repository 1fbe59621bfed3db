"""The database that the settings name, served as it is: no app, no policies but its own."""

from __future__ import annotations

from undercroft.app import database_app, load_settings

app = database_app(load_settings())
