"""What can be said of calls before one is made: for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from undercroft.base.findings import Finding
from undercroft.outgoing.settings import read_inside

if TYPE_CHECKING:
    from undercroft.base.settings import Settings

METADATA = tuple(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)
"""Where clouds hand out a machine's credentials to whoever asks from it."""


def check_calls(settings: Settings) -> Iterator[Finding]:
    """UC116: calls may reach where a cloud hands out credentials. Raises `SetupFault` for what cannot be read."""
    for text, inside in zip(settings.outgoing.allow, read_inside(settings.outgoing.allow), strict=True):
        if inside.network is not None and any(address in inside.network for address in METADATA):
            yield Finding(
                "UC116",
                "warning",
                f"[outgoing] allow {text}",
                "calls may reach the address at which a cloud hands out this machine's credentials",
                "Name the machines or the networks that are called, and no more.",
            )
