"""Mail as an app is built with it: where its templates are, what it leaves by, and that nothing starts half."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import DeclarativeBase

from undercroft import App
from undercroft.app import build
from undercroft.app.mailing import mail_pages, templates_folder
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings


class MailingBase(DeclarativeBase):
    pass


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(folder / "data"), **environ})


def test_templates_are_where_the_settings_say_else_beside_the_app_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, plain = App(MailingBase), settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert templates_folder(app, plain) == tmp_path / "templates" / "mail"
    app.migrations = tmp_path / "shop" / "migrations"
    assert templates_folder(app, plain) == tmp_path / "shop" / "templates" / "mail"
    told = settings(tmp_path, UNDERCROFT_MAIL_TEMPLATES="/elsewhere")
    assert templates_folder(app, told) == Path("/elsewhere")


@pytest.mark.parametrize(
    ("environ", "dev", "name"),
    [
        ({}, False, None),
        ({}, True, "caught"),
        ({"UNDERCROFT_MAIL_SERVERS": "smtps://mx.example.com"}, False, "smtp"),
        ({"UNDERCROFT_MAIL_SERVERS": "smtps://mx.example.com"}, True, "caught"),
        ({"UNDERCROFT_MAIL_BACKEND": "console"}, False, "console"),
    ],
)
def test_the_backend_is_the_one_that_the_settings_mean(
    tmp_path: Path, environ: dict[str, str], dev: bool, name: str | None
) -> None:
    house = build(App(MailingBase), settings(tmp_path, **environ), dev=dev)
    assert house.mailer is not None
    backend = house.mailer.backend
    assert (backend.name if backend is not None else None) == name
    assert bool(mail_pages(house.mailer, dev=dev)) == (name == "caught")
    assert ("/mail/{id:int}" in house.outside.paths) == (name == "caught")


@pytest.mark.parametrize(
    "environ",
    [
        {"UNDERCROFT_MAIL_SERVERS": "mx.example.com"},
        {"UNDERCROFT_MAIL_SENDER": "nobody"},
        {"UNDERCROFT_MAIL_DKIM_DOMAIN": "example.com", "UNDERCROFT_MAIL_DKIM_KEY": "no key"},
        {"UNDERCROFT_MAIL_DKIM_DOMAIN": "example.com", "UNDERCROFT_MAIL_DKIM_KEY_PATH": "nowhere.pem"},
        {"UNDERCROFT_MAIL_SERVERS": "smtps://mx.example.com", "UNDERCROFT_MAIL_CA_PATH": "nowhere.pem"},
        {"UNDERCROFT_AUTH_EMAIL_SMTP_ENABLED": "true"},
    ],
)
def test_settings_that_are_wrong_stop_the_start(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SetupFault):
        build(App(MailingBase), settings(tmp_path, **environ))


def test_over_an_existing_database_there_is_no_mail(tmp_path: Path) -> None:
    house = build(App(MailingBase, existing=True), settings(tmp_path))
    assert house.mailer is None
    assert house.pipeline.ports.mail is None


WITHOUT = """
import sys

for name in ("aiosmtplib", "css_inline", "dkim"):
    sys.modules[name] = None
from undercroft import App
from undercroft.app import build
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings

given = {"UNDERCROFT_DATABASE_DATA": sys.argv[1]}
house = build(App(), Settings.load(None, given), dev=True)
for work in (
    house.mailer.templates,
    lambda: build(App(), Settings.load(None, given | {"UNDERCROFT_MAIL_SERVERS": "smtps://mx.example.com"})),
):
    try:
        work()
    except SetupFault as fault:
        print(fault.hint)
"""


def test_an_app_starts_without_the_packages_of_mail_and_says_which_are_wanted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "data")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.split("\n") == ["pip install 'undercroft[mail]'", "pip install 'undercroft[mail]'", ""], (
        ran.stderr
    )


LOADED = """
import sys
from undercroft import App
from undercroft.app import build
from undercroft.base.settings import Settings

given = {"UNDERCROFT_DATABASE_DATA": sys.argv[1]}
for servers in ({}, {"UNDERCROFT_MAIL_SERVERS": "smtps://mx.example.com"}):
    build(App(), Settings.load(None, given | servers))
    print("undercroft.mail.parts.templates" in sys.modules)
"""


def test_an_app_that_sends_nothing_loads_no_templates(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED, str(tmp_path / "data")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.split() == ["False", "True"], ran.stderr
