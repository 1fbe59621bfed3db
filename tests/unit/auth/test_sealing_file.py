"""The key of stored secrets: made once, for its owner only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from undercroft.auth import SealingKeys, add_sealing_key, load_or_create_sealing_key
from undercroft.auth.errors import KeyFault
from undercroft.base.secret import Secret
from undercroft.base.settings.auth_section import Auth


def test_it_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = load_or_create_sealing_key(folder)
    assert len(made) >= 48
    assert load_or_create_sealing_key(folder) == made
    file = folder / "sealing.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_or_create_sealing_key(tmp_path / "other") != made
    assert [each.name for each in folder.iterdir()] == ["sealing.key"]


def test_others_must_not_read_it(tmp_path: Path) -> None:
    load_or_create_sealing_key(tmp_path / "data")
    (tmp_path / "data" / "sealing.key").chmod(0o644)
    with pytest.raises(KeyFault, match="other users"):
        load_or_create_sealing_key(tmp_path / "data")


@pytest.mark.parametrize("content", ["", "short", "\n" * 100])
def test_a_damaged_one_is_never_replaced(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "data"
    load_or_create_sealing_key(folder)
    (folder / "sealing.key").write_text(content)
    with pytest.raises(KeyFault, match="damaged"):
        load_or_create_sealing_key(folder)
    assert (folder / "sealing.key").read_text() == content


def test_a_new_key_seals_and_the_old_one_opens_and_lasts(tmp_path: Path) -> None:
    keys = SealingKeys(Auth(), tmp_path / "data")
    lasting, sealed = keys.lasting(), keys.ring().seal("words", "here")
    add_sealing_key(tmp_path / "data")
    assert not keys.ring().is_current(sealed)
    assert keys.ring().open(sealed, "here") == "words"
    assert keys.lasting() == lasting == load_or_create_sealing_key(tmp_path / "data")
    named = SealingKeys(Auth(encryption_key=Secret("n" * 40)), tmp_path / "data")
    assert named.ring().open(sealed, "here") == "words"
    assert named.lasting() == Secret("n" * 40)
