"""Which addresses calls may go to: those that the whole internet may reach, and no other, however they are spelled.

The table is IANA's special-purpose address registries (RFC 6890 and its followers), written out here because the
standard library's own differs from one Python to the next. Addresses that carry another one within (RFC 4291, 6052,
3056, 4380, 5214) are judged by what they carry, or refused.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "a carrier's inside",
    "127.0.0.0/8": "this machine",
    "168.63.129.16/32": "a cloud's metadata",
    "169.254.0.0/16": "link-local, a cloud's metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relays",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarks",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_IPV6 = {
    "2001::/32": "Teredo",
    "2001::/23": "protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
}
_REFUSED: tuple[tuple[Network, str], ...] = (
    *((IPv4Network(text), why) for text, why in _IPV4.items()),
    *((IPv6Network(text), why) for text, why in _IPV6.items()),
)
_GLOBAL = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""The third quarter of an address of RFC 5214, without or with its universal bit."""


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped (RFC 4291) and NAT64 (RFC 6052) are roads to it."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def why_refused(address: Address) -> str | None:
    """Why calls may not go to an address; None where they may."""
    address = unwrapped(address)
    for network, why in _REFUSED:
        if address.version == network.version and address in network:
            return why
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL:
            return "not a public address"
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return "ISATAP"
    return None


def read_address(text: str) -> Address | None:
    """An address as the resolver gives it; None for anything else, a zone (`fe80::1%eth0`) among it."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None
