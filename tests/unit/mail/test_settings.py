"""Servers from URLs, from Supabase CLI's section, and the bounds of mail; what is wrong is said without a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.mail.parts.addresses import address_of
from undercroft.mail.settings import backend_name, mail_settings, server_at, servers_of, signing_key
from undercroft.mail.types import Server


def settings(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "undercroft.toml"
    file.write_text(text)
    return Settings.load(file, environ)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mx.example.com", Server("mx.example.com", 587, "starttls")),
        ("SMTPS://mx.example.com", Server("mx.example.com", 465, "tls")),
        ("smtp+plain://127.0.0.1:2525", Server("127.0.0.1", 2525, "none")),
        ("smtps://a%40b:p%2Fw%2C@mx.example.com:2465/", Server("mx.example.com", 2465, "tls", "a@b", Secret("p/w,"))),
        ("smtp://[::1]:25", Server("::1", 25, "starttls")),
    ],
)
def test_a_url_names_a_server(url: str, server: Server) -> None:
    assert server_at(Secret(url)) == server
    assert "p/w" not in repr(server_at(Secret(url)))


@pytest.mark.parametrize(
    "url",
    ["", "mx.example.com", "http://mx.example.com", "smtp://", "smtp://h:99999", "smtp://h/x", "smtp://u:hunter2@h?x"],
)
def test_what_is_no_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SetupFault) as caught:
        server_at(Secret(url))
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_servers_may_come_from_variables_one_or_several(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        '[mail]\nservers = ["env(FIRST)", "env(REST)"]\n',
        FIRST="smtp://a.example.com",
        REST="smtps://b.example.com, smtps://c.example.com",
    )
    assert [server.host for server in servers_of(found)] == ["a.example.com", "b.example.com", "c.example.com"]
    found = settings(tmp_path, "", UNDERCROFT_MAIL_SERVERS="smtp://a.example.com,smtps://b.example.com")
    assert [server.host for server in servers_of(found)] == ["a.example.com", "b.example.com"]


@pytest.mark.parametrize(
    ("host", "port", "security"),
    [("mx.x.com", 465, "tls"), ("mx.x.com", 2525, "starttls"), ("127.0.0.1", 1025, "none")],
)
def test_supabases_section_is_the_first_server_and_the_sender(
    tmp_path: Path, host: str, port: int, security: str
) -> None:
    text = (
        f'[auth.email.smtp]\nenabled = true\nhost = "{host}"\nport = {port}\nuser = "u"\npass = "env(PASS)"\n'
        'admin_email = "admin@example.com"\nsender_name = "Shop"\n[mail]\nservers = ["smtp://b.example.com"]\n'
    )
    found = settings(tmp_path, text, PASS="secret")
    first, second = servers_of(found)
    assert first == Server(host, port, security, "u", Secret("secret"))  # type: ignore[arg-type]
    assert second.host == "b.example.com"
    assert str(mail_settings(found, address_of, stand_in=False).sender) == '"Shop" <admin@example.com>'
    assert backend_name(found, dev=False) == "smtp"


def test_an_enabled_section_needs_a_host(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="needs a host"):
        servers_of(settings(tmp_path, "[auth.email.smtp]\nenabled = true\n"))


def test_the_backend_is_the_one_that_fits() -> None:
    nothing = Settings.load(None, {})
    assert backend_name(nothing, dev=True) == "caught"
    assert backend_name(nothing, dev=False) is None
    chosen = Settings.load(None, {"UNDERCROFT_MAIL_BACKEND": "console"})
    assert backend_name(chosen, dev=True) == backend_name(chosen, dev=False) == "console"


def test_mails_that_stay_here_need_no_sender() -> None:
    nothing = Settings.load(None, {})
    assert str(mail_settings(nothing, address_of, stand_in=True).sender) == "app@localhost"
    assert mail_settings(nothing, address_of, stand_in=False).sender is None


def test_a_sender_that_is_none_is_a_mistake_of_the_settings() -> None:
    with pytest.raises(SetupFault, match="sender or bounces"):
        mail_settings(Settings.load(None, {"UNDERCROFT_MAIL_SENDER": "nobody"}), address_of, stand_in=True)


def test_the_signing_key_is_given_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    assert signing_key(settings(tmp_path, "")) is None
    assert signing_key(settings(tmp_path, '[mail.dkim]\ndomain = "x.com"\nkey = "k"')) == Secret("k")
    assert signing_key(settings(tmp_path, '[mail.dkim]\ndomain = "x.com"\nkey_path = "key"')) == Secret("k")
    with pytest.raises(SetupFault, match="cannot be read"):
        signing_key(settings(tmp_path, '[mail.dkim]\ndomain = "x.com"\nkey_path = "none"'))
    with pytest.raises(SetupFault, match="either key or key_path"):
        settings(tmp_path, '[mail.dkim]\ndomain = "x.com"')
