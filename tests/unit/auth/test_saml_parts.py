"""The key of a service provider, and what documents of SAML are read as."""

from __future__ import annotations

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from undercroft.auth.backends import service_provider as party
from undercroft.auth.backends.saml_file import FILE, saml_key
from undercroft.auth.errors import AuthFault, KeyFault
from undercroft.auth.parts.saml.attributes import check_mapping
from undercroft.auth.parts.saml.certificate import self_signed
from undercroft.auth.parts.saml.documents import Unreadable, moment_of, seconds_of
from undercroft.base.clock import SystemClock
from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.base.settings.saml_section import AuthSaml


def written(key: Any, encoding: Encoding) -> bytes:
    return key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())  # type: ignore[no-any-return]


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    first, again = saml_key(None, tmp_path / "data"), saml_key(None, tmp_path / "data")
    assert first.private_numbers() == again.private_numbers()
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600
    assert self_signed(first) == self_signed(again)
    (tmp_path / "data" / FILE).write_text("no key")
    with pytest.raises(KeyFault, match="is no RSA key"):
        saml_key(None, tmp_path / "data")


def test_a_key_of_the_settings(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    for text in (base64.b64encode(written(key, Encoding.DER)).decode(), written(key, Encoding.PEM).decode()):
        assert saml_key(Secret(text), tmp_path).private_numbers() == key.private_numbers()
    assert not (tmp_path / FILE).exists()
    weak = base64.b64encode(written(rsa.generate_private_key(65537, 1024), Encoding.DER)).decode()
    curve = base64.b64encode(written(ec.generate_private_key(ec.SECP256R1()), Encoding.DER)).decode()
    for text, words in ((weak, "2048"), (curve, "no RSA key"), ("!!", "no RSA key"), ("-----BEGIN", "no RSA key")):
        with pytest.raises(KeyFault, match=words):
            saml_key(Secret(text), tmp_path)


def test_without_the_extra_the_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(http: Any) -> Any:
        return party.service_provider(
            AuthSaml(enabled=True, external_url="https://saml.example.com/auth/v1/"), "https://x", tmp_path / "data",
            SystemClock(), http,
        )  # fmt: skip

    made = start(object())
    assert (made.entity_id, made.acs) == (
        "https://saml.example.com/auth/v1/saml/metadata",
        "https://saml.example.com/auth/v1/saml/acs",
    )
    assert party.service_provider(AuthSaml(), "https://x", tmp_path / "off", SystemClock(), None) is None
    assert not (tmp_path / "off").exists()
    with pytest.raises(SetupFault, match="calls to other machines"):
        start(None)
    monkeypatch.setattr(party, "find_spec", lambda name: None)
    with pytest.raises(SetupFault, match="needs an extra") as refused:
        start(object())
    assert refused.value.hint == "pip install 'undercroft[saml]'"


def test_moments_and_lengths_of_time() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for text in (
        "2026-06-01T12:00:00Z",
        "2026-06-01T14:00:00+02:00",
        "2026-06-01T12:00:00",
        "2026-06-01T12:00:00.0000000Z",
    ):
        assert moment_of(text) == noon
    assert moment_of(None) is None
    with pytest.raises(Unreadable):
        moment_of("today")
    lengths = {"PT1H": 3600.0, "P1DT1S": 86_401.0, "P1M": 2_592_000.0, "P": None, "PT": None, "x": None, "-PT1H": None,
               "P99999999999999999999Y": None}  # fmt: skip
    assert {text: seconds_of(text) for text in lengths} == lengths


@pytest.mark.parametrize(
    "mapping",
    ["x", [], {"keys": []}, {"other": {}}, {"keys": {"iss": {"name": "x"}}}, {"keys": {"a": "x"}},
     {"keys": {"a": {"name": 1}}}, {"keys": {"a": {"names": "x"}}}, {"keys": {"a": {"names": [1]}}},
     {"keys": {"a": {"array": 1}}}, {"keys": {"a": {"more": 1}}}, {"keys": {"a": {"default": "\x00"}}}],
)  # fmt: skip
def test_what_is_no_mapping(mapping: Any) -> None:
    with pytest.raises(AuthFault):
        check_mapping(mapping)
