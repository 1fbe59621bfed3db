"""A URL, read once and strictly: which machine it names. What two readers might read differently is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from undercroft.outgoing.errors import malformed
from undercroft.outgoing.parts.addresses import Address, read_address

if TYPE_CHECKING:
    import httpx2

PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSURE = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that readers of URLs drop, or take for a slash."""
LONGEST = 8192
"""Characters of a URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """A machine and what is asked of it."""

    url: httpx2.URL = field(repr=False)
    scheme: str
    host: str
    """A name in lower case without its last dot, or an address as it is written canonically."""
    port: int
    address: Address | None
    """The address, where the URL names one."""

    @property
    def origin(self) -> str:
        """What may be told of it: no path, no query."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")


def read_url(text: str) -> Target:
    """Read a URL. Raises `Refused` for what is not plainly a URL of http or https, or carries a name and password."""
    import httpx2  # an app that never calls anybody starts without it

    if len(text) > LONGEST or _UNSURE.search(text):
        raise malformed("not a URL: too long, or with spaces, control characters or backslashes")
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise malformed(f"not a URL: {type(error).__name__}") from None
    if url.scheme not in PORTS:
        raise malformed("only http and https are spoken")
    if url.userinfo or "@" in url.netloc.decode("latin-1"):
        raise malformed("the URL holds a name or a password: they belong into a header")
    host, address = _read_host(url.raw_host.decode("ascii", "replace").lower())
    port = url.port if url.port is not None else PORTS[url.scheme]
    if not 1 <= port <= 65535:
        raise malformed("not a port")
    if url.host != host or url.fragment:
        url = url.copy_with(host=host, fragment=None)
    return Target(url, url.scheme, host, port, address)


def _read_host(text: str) -> tuple[str, Address | None]:
    if ":" in text or "[" in text:
        address = read_address(text)
        if not isinstance(address, IPv6Address):
            raise malformed("not an IPv6 address, or one with a zone")
        return str(address), address
    name = text.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # Resolvers read 127.1, 0x7f000001 and 017700000001 as 127.0.0.1; here an address has one spelling.
        address = read_address(name)
        if not isinstance(address, IPv4Address):
            raise malformed("an address in a spelling of its own")
        return str(address), address
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise malformed("not the name of a machine")
    return name, None
