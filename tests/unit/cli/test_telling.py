"""What others wrote is told as words: nothing of it drives the terminal."""

from __future__ import annotations

import json

import pytest

from undercroft.base.faults import Fault
from undercroft.base.harmless import harmless
from undercroft.cli.telling import columns, say_json, tell_fault

EVIL = "a\x1b]52;c;cm0gLXJm\x07b\x9b2Jc\u202ed\re\ud800"
"""Sets a clipboard, clears the screen, turns the line around, writes over it, and is no text."""


def test_words_stay_and_commands_go() -> None:
    assert harmless("Grüße, 你好 🎉") == "Grüße, 你好 🎉"
    assert harmless(EVIL) == "a\ufffd]52;c;cm0gLXJm\ufffdb\ufffd2Jc\ufffdd e\ufffd"
    assert harmless("a\n\tb\r\nc") == "a  b  c"
    assert harmless("a\n\tb\r\nc", keep="\n\t") == "a\n\tb \nc"


def test_a_row_is_one_line() -> None:
    lines = columns([("ID", "NAME"), ("1", EVIL), ("2", "x\nID  NAME")], indent="")
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_json_says_the_same_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"ä": [EVIL, "\U000e0001"]}
    say_json(value)
    told = capsys.readouterr().out
    assert json.loads(told) == value
    assert "ä" in told
    assert all(line.isprintable() for line in told.splitlines())


def test_a_fault_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    tell_fault(Fault(f"no job {EVIL}", details=[f"one {EVIL}!"], hint=f"see {EVIL}"))
    assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())
