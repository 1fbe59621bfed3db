"""Which addresses calls may go to."""

from __future__ import annotations

import pytest

from undercroft.outgoing.parts.addresses import read_address, unwrapped, why_refused

INSIDE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.1.2.3",
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:127.0.0.1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2606:4700:4700::1111", "2a00:1450:4001:800::200e", "2001:200::1", "2001:4860:4860::8888", "2003::1",
    "64:ff9b::8.8.8.8", "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_inside(text: str) -> None:
    address = read_address(text)
    assert address is not None
    assert why_refused(address)


@pytest.mark.parametrize("text", OUTSIDE)
def test_outside(text: str) -> None:
    address = read_address(text)
    assert address is not None
    assert why_refused(address) is None


@pytest.mark.parametrize(
    "text", ["", "x", "127.1", "0x7f000001", "fe80::1%eth0", "::1%lo", "1.2.3.4/8", "[::1]", "1.2.3.04"]
)
def test_what_is_no_address(text: str) -> None:
    assert read_address(text) is None


def test_what_is_carried_within() -> None:
    mapped, nat64 = read_address("::ffff:10.1.2.3"), read_address("64:ff9b::10.1.2.3")
    assert mapped is not None
    assert nat64 is not None
    assert str(unwrapped(mapped)) == str(unwrapped(nat64)) == "10.1.2.3"
