"""Keys on disk: made once, for the owner's eyes only, whole or not at all; refused where others can open them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from undercroft.auth import Keys, installation_keys, load_or_create, open_data_dir, rotate, sign
from undercroft.auth.backends import key_file
from undercroft.auth.errors import KeyFault
from undercroft.auth.parts import compact
from undercroft.auth.parts.signing import signed_with
from undercroft.base.clock import ManualClock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings

CLOCK = ManualClock()
OURS = Secret("a configured secret that is long enough")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def claims_of(token: str) -> dict[str, object]:
    return compact.claims(compact.read(token.encode()).payload)


def test_the_first_start_makes_keys_and_later_ones_keep_them(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "data", CLOCK)
    kept = load_or_create(tmp_path / "data", CLOCK)
    assert (made.fresh, kept.fresh) == (True, False)
    assert (made.signing, made.anon, made.service_role) == (kept.signing, kept.anon, kept.service_role)
    assert len(made.signing) * 6 >= 256
    assert signed_with(made.signing, made.anon, made.service_role.reveal())
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["keys.json"]


def test_the_api_keys_are_long_lived_tokens(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path, CLOCK)
    anon, service = claims_of(keys.anon), claims_of(keys.service_role.reveal())
    ten_years = CLOCK.now() + timedelta(days=3650)
    assert anon == {"iss": "undercroft", "role": "anon", "exp": int(ten_years.timestamp())}
    assert service == {**anon, "role": "service_role"}
    assert keys.revealed() == {"anon": keys.anon, "service_role": keys.service_role.reveal()}


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    one, two = load_or_create(tmp_path / "1", CLOCK), load_or_create(tmp_path / "2", CLOCK)
    assert one.signing != two.signing
    assert not signed_with(one.signing, two.anon)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_whatever_the_umask_only_the_owner_can_read(tmp_path: Path, umask: int) -> None:
    script = (
        "import os, pathlib; os.umask({umask}); from undercroft.auth import load_or_create; "
        "from undercroft.base.clock import ManualClock; load_or_create(pathlib.Path({folder!r}), ManualClock())"
    )
    folder = tmp_path / "data"
    run = script.format(umask=umask, folder=str(folder))
    subprocess.run([sys.executable, "-c", run], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert (mode(folder), mode(folder / "keys.json")) == (0o700, 0o600)


def test_an_empty_directory_is_closed_and_a_full_one_is_left_alone(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    for folder in (empty, full):
        folder.mkdir()
        folder.chmod(0o755)
    (full / "notes.txt").write_text("mine")
    open_data_dir(empty)
    assert mode(empty) == 0o700
    with pytest.raises(KeyFault, match="mode 0755") as caught:
        open_data_dir(full)
    assert caught.value.hint == f"chmod 700 {full}"
    assert mode(full) == 0o755
    assert sorted(path.name for path in full.iterdir()) == ["notes.txt"]


@pytest.mark.parametrize("wide", [0o644, 0o640, 0o604, 0o660, 0o666])
def test_a_key_file_that_others_can_open_is_refused(tmp_path: Path, wide: int) -> None:
    load_or_create(tmp_path, CLOCK)
    path = tmp_path / "keys.json"
    path.chmod(wide)
    with pytest.raises(KeyFault, match=f"mode {wide:04o}") as caught:
        load_or_create(tmp_path, CLOCK)
    assert caught.value.hint == f"chmod 600 {path}"
    path.chmod(0o600)
    assert not load_or_create(tmp_path, CLOCK).fresh


@pytest.mark.parametrize("wide", [0o750, 0o705, 0o755, 0o777])
def test_a_data_directory_that_others_can_open_is_refused(tmp_path: Path, wide: int) -> None:
    load_or_create(tmp_path, CLOCK)
    tmp_path.chmod(wide)
    with pytest.raises(KeyFault, match="can be opened by other users"):
        load_or_create(tmp_path, CLOCK)
    tmp_path.chmod(0o700)


def damaged() -> list[str]:
    good = {
        "format": 1,
        "jwt_secret": "x" * 10 + "abcdefghijklmnopqrstuvwxyz",
        "anon": "a.b.c",
        "service_role": "a.b.c",
    }
    return [
        "", "{", "[]", "null", "{}", json.dumps({**good, "format": 2}), json.dumps({**good, "jwt_secret": None}),
        json.dumps({**good, "anon": 3}), json.dumps(good),
    ]  # fmt: skip


@pytest.mark.parametrize("content", damaged())
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    tmp_path.chmod(0o700)
    with pytest.raises(KeyFault, match="damaged"):
        load_or_create(tmp_path, CLOCK)
    assert path.read_text() == content


def test_a_weak_secret_put_into_the_file_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path, CLOCK)
    path = tmp_path / "keys.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "jwt_secret": "short"}))
    with pytest.raises(KeyFault, match="must not be used: it has 5 bytes"):
        load_or_create(tmp_path, CLOCK)


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(KeyFault, match="is a file"):
        load_or_create(tmp_path / "data", CLOCK)


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFault, match="cannot be written: No space left"):
        load_or_create(tmp_path / "data", CLOCK)
    assert list((tmp_path / "data").iterdir()) == []


def test_whoever_comes_second_takes_what_the_first_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = load_or_create(tmp_path, CLOCK)
    load, looks = key_file._load, []

    def blind_at_first(path: Path, secret: Secret | None) -> Keys | None:
        looks.append(path)
        return load(path, secret) if len(looks) > 1 else None

    monkeypatch.setattr(key_file, "_load", blind_at_first)
    late = load_or_create(tmp_path, CLOCK)
    assert (late.signing, late.anon, late.fresh) == (rival.signing, rival.anon, False)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; from undercroft.auth import load_or_create; "
        "from undercroft.base.clock import SystemClock; "
        "print(load_or_create(pathlib.Path(sys.argv[1]), SystemClock()).anon)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    started = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    printed = {process.communicate(timeout=60)[0] for process in started}
    assert len(printed) == 1
    assert all(process.returncode == 0 for process in started)


def test_a_configured_secret_is_not_written_down(tmp_path: Path) -> None:
    own = load_or_create(tmp_path, CLOCK)
    given = load_or_create(tmp_path, CLOCK, secret=OURS)
    assert signed_with(OURS, given.anon, given.service_role.reveal())
    assert load_or_create(tmp_path, CLOCK, secret=OURS).anon == given.anon
    assert all(OURS.reveal() not in path.read_text() for path in tmp_path.iterdir())
    changed = load_or_create(tmp_path, CLOCK, secret=Secret("another configured secret, long enough"))
    assert changed.fresh
    assert changed.anon != given.anon
    # Without it, the installation's own keys are what they were.
    assert load_or_create(tmp_path, CLOCK).signing == own.signing


def test_rotation_replaces_everything(tmp_path: Path) -> None:
    old = load_or_create(tmp_path, CLOCK)
    new = rotate(tmp_path, CLOCK)
    assert not signed_with(new.signing, old.anon)
    assert load_or_create(tmp_path, CLOCK).anon == new.anon
    assert mode(tmp_path / "keys.json") == 0o600


def test_keys_are_good_on_a_machine_whose_clock_was_ahead(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path, ManualClock(datetime(2031, 1, 1, tzinfo=UTC)))
    assert "iat" not in claims_of(keys.anon)
    assert "nbf" not in claims_of(keys.anon)


def test_api_keys_may_come_from_the_settings(tmp_path: Path) -> None:
    anon = sign({"role": "anon"}, OURS)
    auth = {"jwt_secret": OURS.reveal(), "anon_key": anon}
    database = {"data": tmp_path / "data"}
    keys = installation_keys(Settings.model_validate({"auth": auth, "database": database}), CLOCK)
    assert keys.anon == anon
    assert signed_with(OURS, keys.service_role.reveal())
    strange = {**auth, "service_role_key": sign({"role": "service_role"}, Secret("x" * 32 + "abcdefgh"))}
    with pytest.raises(KeyFault, match="service_role_key was not signed with the jwt_secret"):
        installation_keys(Settings.model_validate({"auth": strange, "database": database}), CLOCK)


def test_keys_do_not_show_their_secrets(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path, CLOCK)
    for shown in (repr(keys), str(keys), f"{keys}"):
        assert keys.signing.reveal() not in shown
        assert keys.service_role.reveal() not in shown
