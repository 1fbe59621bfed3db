"""docs/postgrest.md names every setting of PostgREST that has a counterpart, and which that is."""

from __future__ import annotations

from pathlib import Path

from undercroft.base.settings.postgrest import ALIASES, COUNTERPARTS

PAGE = (Path(__file__).resolve().parents[2] / "docs/postgrest.md").read_text(encoding="utf-8")


def test_every_setting_stands_with_its_counterpart() -> None:
    for name, (section, own) in COUNTERPARTS.items():
        assert f"| `{name}` | `[{section}] {own}` |" in PAGE


def test_every_old_name_stands_there() -> None:
    assert [name for name in ALIASES if f"`{name}`" not in PAGE] == []
