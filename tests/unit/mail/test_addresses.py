"""Addresses are read as people write them, and nothing that could become a second header passes."""

from __future__ import annotations

import pytest

from undercroft.mail.errors import AddressFault
from undercroft.mail.parts.addresses import address_of, check_header
from undercroft.mail.types import Address


@pytest.mark.parametrize(
    ("text", "name", "bare"),
    [
        ("ada@example.com", "", "ada@example.com"),
        ("  ada@example.com ", "", "ada@example.com"),
        ("<ada@example.com>", "", "ada@example.com"),
        ("Ada Lovelace <ada@example.com>", "Ada Lovelace", "ada@example.com"),
        ('"<b>" <ada@example.com>', "<b>", "ada@example.com"),
        ('"Lovelace, Ada" <ada@example.com>', "Lovelace, Ada", "ada@example.com"),
        ('"Ada \\"A\\" L" <ada@example.com>', 'Ada "A" L', "ada@example.com"),
        ("Ünder <o'neil+tag@EXAMPLE.com>", "Ünder", "o'neil+tag@example.com"),
        ("ada@bücher.example", "", "ada@xn--bcher-kva.example"),
        ("用户@例子.example", "", "用户@xn--fsqu00a.example"),
        ("ada@localhost", "", "ada@localhost"),
    ],
)
def test_an_address_is_read(text: str, name: str, bare: str) -> None:
    found = address_of(text)
    assert (found.name, found.bare) == (name, bare)
    assert address_of(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@example.com", "ada@", "ada@@example.com", "a b@example.com", "ada@exa mple.com", "ada@-x.com",
        "ada@x-.com", "ada@example..com", ".ada@example.com", "ada.@example.com", "a..b@example.com",
        '"quoted"@example.com', "ada@[127.0.0.1]", "ada@example.com, bob@example.com", "ada@example.com;bob@x.com",
        "Ada <ada@example.com", "ada@example.com>", "<a@x.com> <b@x.com>", "x" * 65 + "@example.com",
        "ada@" + "x" * 64 + ".com", "ada@" + "x." * 130 + "com", "ada@example.com\n", "ada@example.com\r\nBcc: b@x.com",
        "Ada\r\nBcc: b@x.com <ada@example.com>", "ada\x00@example.com", "Ada\u2028 <ada@example.com>",
        "ada\ud800@example.com", "ada@exämple\u0000.com", "ada(comment)@example.com", "ada@example.com (comment)",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressFault) as caught:
        address_of(text)
    assert caught.value.code == "22023"


def test_one_mailbox_is_one_however_it_is_spelled() -> None:
    assert address_of("ADA@Example.COM").same == address_of("Ada <ada@example.com>").same == "ada@example.com"


def test_letters_beyond_ascii_before_the_sign_need_a_server_that_takes_them() -> None:
    assert address_of("ä@example.com").needs_utf8
    assert not address_of("Ä <a@bücher.example>").needs_utf8


def test_a_name_with_quotes_comes_back() -> None:
    address = Address('A "quoted\\" name', "a", "x.com")
    assert address_of(str(address)) == address


@pytest.mark.parametrize("char", ["\r", "\n", "\x00", "\x0b", "\x1b", "\x85", "\u2028", "\u2029", "\ud800"])
def test_a_header_stays_on_its_line(char: str) -> None:
    with pytest.raises(AddressFault):
        check_header("a subject", f"Hello{char}Bcc: x@example.com")
    assert check_header("a subject", "Grüße 🎉") == "Grüße 🎉"
