"""Passwords that everybody has: our own list, and a file in the form of Have I Been Pwned."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from undercroft.auth.backends.breached import _listed, breached_by, is_common
from undercroft.base.faults import SetupFault


@pytest.mark.parametrize("password", ["password", "PassWord", "123456", "qwerty123", "football", "iloveyou"])
def test_what_everybody_has_is_common(password: str) -> None:
    assert is_common(password)


@pytest.mark.parametrize("password", ["correct horse", "battery staple", "", "pässword", "a\x00b", "x" * 1000])
def test_what_few_have_is_not(password: str) -> None:
    assert not is_common(password)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hashes with counts of different lengths, sorted."""
    file = tmp_path_factory.mktemp("breached") / "pwned.txt"
    hashes = sorted(hashlib.sha1(f"word {number}".encode()).hexdigest().upper() for number in range(1000))
    file.write_text("".join(f"{each}:{place**3}\r\n" for place, each in enumerate(hashes)))
    return file


def test_each_line_of_a_file_is_found_and_nothing_else(listed: Path) -> None:
    is_breached = breached_by(str(listed))
    assert all(is_breached(f"word {number}") for number in range(1000))
    assert not any(is_breached(f"word {number}") for number in range(1000, 3000))


def test_a_list_may_have_one_line(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text(hashlib.sha1(b"one").hexdigest().upper())
    assert breached_by(str(file))("one")
    assert not breached_by(str(file))("two")


def test_without_a_list_any_password_is_taken() -> None:
    assert not breached_by("")("password")


@pytest.mark.parametrize("text", ["", "password\n123456\n", "Z" * 40])
def test_what_is_no_list_starts_no_server(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list.txt"
    file.write_text(text)
    with pytest.raises(SetupFault, match="SHA-1"):
        breached_by(str(file))
    with pytest.raises(SetupFault, match="cannot be read"):
        breached_by(str(tmp_path / "none.txt"))


def test_the_list_holds_the_most_used() -> None:
    assert len(_listed()) // 5 > 100_000
