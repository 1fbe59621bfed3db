"""Arguments become settings, over the environment, over the file; and travel to a worker unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from undercroft.base.settings import SettingsFault
from undercroft.cli.credentials import read_claims, read_lifetime
from undercroft.cli.explaining import read_header
from undercroft.cli.options import Common, ServeOptions, read_settings
from undercroft.cli.worker import Order


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_arguments_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("undercroft.toml").write_text('[api]\nport = 1\nmax_rows = 7\n[server]\nhost = "one"\nworkers = 3\n')
    monkeypatch.setenv("UNDERCROFT_SERVER_HOST", "two")
    monkeypatch.setenv("UNDERCROFT_API_PORT", "2")
    settings = read_settings(ServeOptions(port=4, data=Path("d"), database="sqlite:///x.db", anon="read"))
    assert (settings.api.port, settings.server.host, settings.server.workers) == (4, "two", 3)
    assert (settings.api.max_rows, settings.api.anon, settings.database.data) == (7, "read", Path("d"))
    assert settings.database.url is not None
    assert settings.database.url.reveal() == "sqlite:///x.db"


def test_a_named_file_replaces_the_usual_one() -> None:
    Path("undercroft.toml").write_text("[api]\nport = 1\n")
    Path("other.toml").write_text("[api]\nmax_rows = 2\n")
    settings = read_settings(Common(config=Path("other.toml")))
    assert (settings.api.port, settings.api.max_rows) == (8000, 2)


def test_tls_files_switch_tls_on() -> None:
    settings = read_settings(ServeOptions(tls_cert=Path("c"), tls_key=Path("k")))
    assert settings.api.tls.enabled
    with pytest.raises(SettingsFault, match="cert_path and key_path"):
        read_settings(ServeOptions(tls_key=Path("k")))


def test_an_order_arrives_as_it_was_sent() -> None:
    options = ServeOptions(app="a.py", data=Path("d"), port=0, dev=True, rename=("a=b",), anon="read")
    order = Order(options=options, descriptor=7, index=2, greet=False, ready=9)
    assert Order.read(order.written()) == order


def test_claims_times_and_headers() -> None:
    assert read_claims(["a=1", 'b=["x"]', "c=d=e", "f="]) == {"a": 1, "b": ["x"], "c": "d=e", "f": ""}
    assert [read_lifetime(text) for text in ("90", "90s", "2h", "1m30s")] == [90, 90, 7200, 90]
    assert read_header("Prefer: count=exact") == ("Prefer", "count=exact")


@pytest.mark.parametrize("text", ["", "soon", "-5", "0", "nan", "1e99", "99999h"])
def test_no_length_of_time(text: str) -> None:
    with pytest.raises(Exception, match="no length of time"):
        read_lifetime(text)
