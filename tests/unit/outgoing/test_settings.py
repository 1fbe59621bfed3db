"""The list of machines inside."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from undercroft.base.faults import SetupFault
from undercroft.outgoing.settings import Inside, read_inside


def test_entries() -> None:
    assert read_inside(["10.0.0.0/8", "127.0.0.1:9000", "Billing.Internal:*", "db", "[::1]:80", "fd00::/8", "::1"]) == (
        Inside(ip_network("10.0.0.0/8"), None, None),
        Inside(ip_network("127.0.0.1/32"), None, 9000),
        Inside(None, "billing.internal", 0),
        Inside(None, "db", None),
        Inside(ip_network("::1/128"), None, 80),
        Inside(ip_network("fd00::/8"), None, None),
        Inside(ip_network("::1/128"), None, None),
    )


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/99", "10.0.0.1/8", "h:0", "h:70000", "h:x", "http://h", "127.1", "*", "*.h"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(SetupFault, match="allow"):
        read_inside([text])
