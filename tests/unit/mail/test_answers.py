"""What servers say is understood: whose fault it is, and whether another try makes sense."""

from __future__ import annotations

import pytest

from undercroft.mail.parts.answers import MOST_TOLD, Meaning, Stage, brief, meaning, told


@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        ("connect", 554, "5.3.2 no service", "server"),
        ("connect", 421, "too busy", "server"),
        ("login", 535, "5.7.8 bad credentials", "server"),
        ("login", 454, "4.7.0 later", "server"),
        ("sender", 550, "5.7.1 who are you", "server"),
        ("sender", 552, "5.3.4 too large", "refused"),
        ("sender", 451, "4.3.0 later", "later"),
        ("sender", 421, "4.7.0 going", "server"),
        ("recipient", 550, "5.1.1 no such user", "bounced"),
        ("recipient", 550, "5.1.10 null MX", "bounced"),
        ("recipient", 550, "5.2.1 disabled", "bounced"),
        ("recipient", 550, "5.7.1 relaying denied", "refused"),
        ("recipient", 552, "5.2.2 mailbox full", "refused"),
        ("recipient", 550, "no such user", "refused"),
        ("recipient", 550, "4.1.1 odd", "refused"),
        ("recipient", 450, "4.2.0 greylisted", "later"),
        ("recipient", 421, "4.3.2 going", "server"),
        ("content", 554, "5.7.1 spam", "refused"),
        ("content", 552, "5.3.4 too large", "refused"),
        ("content", 550, "5.1.1 said late", "refused"),
        ("content", 451, "4.3.0 later", "later"),
        ("content", 250, "", "server"),
        ("content", -1, "", "server"),
    ],
)
def test_an_answer_is_understood(stage: Stage, code: int, text: str, expected: Meaning) -> None:
    assert meaning(stage, code, text) == expected


def test_an_answer_is_told_without_what_drives_a_terminal() -> None:
    assert told("250 \x1b[2J\r\nok \x00\ud800 ü") == "250 \ufffd[2J  ok \ufffd\ufffd ü"
    assert len(told("x" * 9999)) == MOST_TOLD


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (550, "5.1.1 <ada@example.com>: no such user", "550 5.1.1"),
        (550, "<ada@example.com> 5.1.1", "550"),
        (450, "4.2.0\nada@example.com", "450 4.2.0"),
        (-1, "Malformed: ada@example.com", "-1"),
    ],
)
def test_what_logs_are_told_names_nobody(code: int, text: str, expected: str) -> None:
    assert brief(code, text) == expected
