"""What doctor says of mail: of each mistake once, and nothing of a set-up that is well."""

from __future__ import annotations

import pytest

from undercroft.base.settings import Settings
from undercroft.mail.checks import check_mail

SENDER = {"UNDERCROFT_MAIL_SENDER": "Shop <shop@example.com>"}


def found(**environ: str) -> list[tuple[str, str]]:
    return [(each.id, each.subject) for each in check_mail(Settings.load(None, environ))]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"UNDERCROFT_MAIL_SERVERS": "smtps://a.example.com,smtp://b.example.com", **SENDER},
        {"UNDERCROFT_MAIL_SERVERS": "smtp+plain://127.0.0.1,smtp+plain://localhost,smtp+plain://[::1]", **SENDER},
        {
            "UNDERCROFT_AUTH_EMAIL_SMTP_ENABLED": "true",
            "UNDERCROFT_AUTH_EMAIL_SMTP_HOST": "a.example.com",
            "UNDERCROFT_AUTH_EMAIL_SMTP_ADMIN_EMAIL": "a@example.com",
        },
    ],
)
def test_nothing_is_said_of_what_is_well(environ: dict[str, str]) -> None:
    assert found(**environ) == []


def test_a_server_in_the_clear_is_named_without_its_password() -> None:
    url = "smtp+plain://ada:hunter2@mx.example.com"
    assert found(UNDERCROFT_MAIL_SERVERS=url, **SENDER) == [("UC113", "[mail] servers mx.example.com:25")]
    told = list(check_mail(Settings.load(None, {"UNDERCROFT_MAIL_SERVERS": url, **SENDER})))
    assert "hunter2" not in repr(told)


def test_half_a_set_up_is_told_of() -> None:
    assert found(UNDERCROFT_MAIL_SERVERS="smtps://mx.example.com") == [("UC114", "[mail] sender")]
    assert found(**SENDER) == [("UC114", "[mail] servers")]


@pytest.mark.parametrize("backend", ["memory", "caught"])
def test_mails_that_go_nowhere_are_told_of(backend: str) -> None:
    assert found(UNDERCROFT_MAIL_BACKEND=backend, **SENDER) == [("UC115", "[mail] backend")]
