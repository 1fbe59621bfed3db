"""No part of a password is taken for something else, and none is shown."""

from __future__ import annotations

import pytest

from undercroft.app.databases import postgres_url
from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import check_url, shown
from undercroft.base.settings import Settings
from undercroft.engine import migrate
from undercroft.engine.move import PostgresSide


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:s3cr/et@db/app",
        "postgresql://bob:s3@cr@db/app",
        "postgresql://bob:s3cr%et@db/app",
        "postgresql://bob:s3cr et@db/app",
        "postgresql://bob:s3cr%00et@db/app",
        "postgresql://db/app?user=bob&password=s3cr&et",
        "postgresql://db/app?password=s3cr=et",
        "postgresql+psycopg://bob:s3cret@db/app",
    ],
)
def test_a_password_that_would_be_read_as_something_else_is_refused_and_not_told(url: str) -> None:
    for take in (check_url, PostgresSide, migrate.place_at):
        with pytest.raises(SetupFault) as caught:
            take(url)
        assert "s3" not in f"{caught.value} {caught.value.hint}"


def test_the_settings_refuse_it_too() -> None:
    with pytest.raises(SetupFault, match="cannot be read"):
        postgres_url(Settings.load(None, {"UNDERCROFT_DATABASE_URL": "postgresql://bob:s3cr/et@db/app"}))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://bob:s3cret@db:5432/app", "postgresql://bob@db:5432/app"),
        ("postgres://bob:s3%2Fcret@db/app?sslmode=require", "postgresql://bob@db/app?sslmode=require"),
        ("postgresql://bob:s3?c#r[et@db/app", "postgresql://bob@db/app"),
        ("postgresql://:s3cret@db/app", "postgresql://db/app"),
        ("postgresql://db/app?user=a@b&password=s3cret", "postgresql://db/app?user=a@b"),
        ("postgresql://db?sslpassword=s3cret", "postgresql://db"),
        ("postgresql:///app?host=/run/postgresql", "postgresql:///app?host=/run/postgresql"),
        ("postgresql://one:1,two:2/app", "postgresql://one:1,two:2/app"),
    ],
)
def test_what_can_be_read_is_shown_without_its_password(url: str, told: str) -> None:
    check_url(url)
    assert shown(url) == told
    assert PostgresSide(url).name == told
