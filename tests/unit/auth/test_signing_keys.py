"""Keys that sign, one after another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from undercroft.auth.backends import signing_file
from undercroft.auth.errors import KeyFault
from undercroft.auth.parts.durations import go_duration
from undercroft.auth.parts.keyring import KeyRing
from undercroft.auth.parts.role_path import role_path
from undercroft.auth.parts.signing_keys import NEW, new_key, read_keys
from undercroft.auth.parts.tokens import Rules, verify
from undercroft.auth.service import keys
from undercroft.base.clock import SystemClock
from undercroft.base.settings import Settings

CLOCK = SystemClock()


def settings_in(folder: Path, **more: str) -> Settings:
    given = {"UNDERCROFT_DATABASE_DATA": str(folder / "data")}
    return Settings.load(None, given | {f"UNDERCROFT_AUTH_{name.upper()}": value for name, value in more.items()})


def states(settings: Settings) -> list[str]:
    return [key.state for key in keys.signing_keys(settings)]


@pytest.mark.parametrize("algorithm", NEW)
def test_what_a_key_signs_its_public_part_verifies(algorithm: str) -> None:
    key = new_key(algorithm, 0.0)
    sent = key.signer()({"sub": "u", "role": "authenticated"})
    ring = KeyRing((key.trusted(),))
    assert verify(sent.encode(), ring, Rules(role_path(".role")), 0.0).actor.uid == "u"
    public = key.public() or {}
    assert (public["kid"], public["alg"], public["use"]) == (key.kid, algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(public)
    assert repr(key).count(str(key.jwk["d"])) == 0


def test_one_comes_after_another(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert states(settings) == []
    with pytest.raises(KeyFault, match="no key stands by"):
        keys.rotate(settings, CLOCK)
    first = keys.stand_by(settings, CLOCK)
    with pytest.raises(KeyFault, match="already"):
        keys.stand_by(settings, CLOCK)
    keys.rotate(settings, CLOCK)
    with pytest.raises(KeyFault, match="in use"):
        keys.revoke(settings, CLOCK, first.kid)
    keys.stand_by(settings, CLOCK, "RS256")
    assert states(settings) == ["in_use", "standby"]
    keys.rotate(settings, CLOCK)
    assert states(settings) == ["previously_used", "in_use"]
    # What signs no more is not kept.
    assert "d" not in keys.signing_keys(settings)[0].jwk
    keys.revoke(settings, CLOCK, first.kid)
    assert [key.is_believed for key in keys.signing_keys(settings)] == [False, True]
    with pytest.raises(KeyFault, match="no signing key"):
        keys.revoke(settings, CLOCK, "x")


def test_old_ones_are_not_kept_for_ever(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    for _ in range(keys.MOST + 4):
        keys.stand_by(settings, CLOCK)
        last = keys.rotate(settings, CLOCK)
    found = keys.signing_keys(settings)
    assert len(found) <= keys.MOST + 1
    assert [key.kid for key in found if key.state == "in_use"] == [last.kid]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    keys.stand_by(settings, CLOCK)
    file = tmp_path / "data" / signing_file.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    with pytest.raises(KeyFault, match="damaged"):
        keys.signing_keys(settings)


def test_the_first_that_may_sign_does(tmp_path: Path) -> None:
    first, second, third = (dict(new_key("ES256", 0.0).jwk) for _ in range(3))
    del first["d"]
    second["key_ops"] = ["verify"]
    third["key_ops"] = ["sign", "verify"]
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([first, second, third]))
    settings = settings_in(tmp_path, signing_keys_path=str(file))
    assert states(settings) == ["previously_used", "previously_used", "in_use"]
    for change in (keys.stand_by, keys.rotate):
        with pytest.raises(KeyFault, match="signing_keys_path"):
            change(settings, CLOCK)


@pytest.mark.parametrize("document", ["", "{", "5", "[5]", '[{"kty":"EC"}]', '[{"kty":"x"}]', '{"keys":5}'])
def test_what_is_no_list_of_keys(document: str) -> None:
    with pytest.raises(KeyFault):
        read_keys(document, "it")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("24h", 86400.0), ("1h30m", 5400.0), ("90s", 90.0), ("1.5h", 5400.0), ("100ms", 0.1), ("0s", 0.0),
        ("", None), ("none", None), ("5", None), ("-1h", None), ("1d", None), ("1h 30m", None), ("1e3s", None),
        ("999999999999h", 292 * 365 * 86400.0),
    ],
)  # fmt: skip
def test_a_length_of_time_as_go_has_it(text: str, seconds: Any) -> None:
    found = go_duration(text)
    assert (None if found is None else found.total_seconds()) == seconds
