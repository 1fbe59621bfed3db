"""Hashes of files that callers ask for: read beside the loop, once, and never longer than is reasonable."""

from __future__ import annotations

import asyncio
import os
import threading
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import pytest

from undercroft.pages.backends import folder as subject
from undercroft.pages.backends.folder import Folder

pytestmark = pytest.mark.anyio
WRONG = "0" * 16


class Reading:
    """Which files were hashed, and on which threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[threading.Thread] = []
        self._inner: Any = file_digest
        monkeypatch.setattr(subject, "file_digest", self._read)

    def _read(self, file: Any, name: str) -> Any:
        self.threads.append(threading.current_thread())
        return self._inner(file, name)


async def test_a_hash_that_somebody_asks_by_is_read_once_and_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    folder, reading = Folder(tmp_path), Reading(monkeypatch)
    asked = [folder.unhashed((f"film.{number:016x}.mp4",)) for number in range(20)]
    found = await asyncio.gather(*asked)
    assert [each is not None and each[1] for each in found] == [False] * 20
    assert len(reading.threads) == 1
    assert reading.threads[0] is not threading.main_thread()
    right = await folder.unhashed((f"film.{sha256(b'film').hexdigest()[:16]}.mp4",))
    assert right is not None
    assert right[1]


async def test_a_long_file_is_hashed_for_an_address_of_ours_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "_MOST_ASKED", 3)
    (tmp_path / "film.mp4").write_bytes(b"film")
    folder, reading = Folder(tmp_path), Reading(monkeypatch)
    mark = sha256(b"film").hexdigest()[:16]
    found = await folder.unhashed((f"film.{mark}.mp4",))
    assert found is not None, "it is served"
    assert (found[1], reading.threads) == (False, [])
    assert folder.hashed("film.mp4") == f"film.{mark}.mp4"
    for given, is_current in ((mark, True), (WRONG, False)):
        found = await folder.unhashed((f"film.{given}.mp4",))
        assert found is not None
        assert found[1] is is_current
    assert len(reading.threads) == 1


async def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.css"
    path.write_bytes(b"one")
    folder = Folder(tmp_path)
    assert folder.hashed("a.css") == f"a.{sha256(b'one').hexdigest()[:16]}.css"
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    found = await folder.unhashed((f"a.{sha256(b'two').hexdigest()[:16]}.css",))
    assert found is not None
    assert found[1]


@pytest.mark.parametrize("to", [".env", ".git/config", "deep/.hidden/x"])
async def test_a_link_to_what_is_not_served_is_not_served(tmp_path: Path, to: str) -> None:
    (tmp_path / to).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / to).write_text("secret")
    (tmp_path / "open").write_text("open")
    (tmp_path / "link").symlink_to(tmp_path / to)
    (tmp_path / "link-to-open").symlink_to(tmp_path / "open")
    folder = Folder(tmp_path)
    assert folder.find(("link",)) is None
    assert folder.find(("link-to-open",)) is not None


async def test_a_folder_that_lies_below_a_dot_is_served(tmp_path: Path) -> None:
    root = tmp_path / ".build/static"
    root.mkdir(parents=True)
    (root / "a.css").write_text("x")
    assert Folder(root).find(("a.css",)) is not None
