"""A device by the words that its owner has for it: what is shown of a session, and nothing is decided by it."""

from __future__ import annotations

_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
"""What stands in the header of each; most browsers name those of before them too, so the order counts."""
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_LONGEST = 60
UNKNOWN = "Unknown device"


def device_of(user_agent: str | None) -> str:
    """`Firefox on Linux`, from a User-Agent (RFC 9110, 10.1.5); a program's own first word, where it is no browser."""
    agent = (user_agent or "").strip()
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser is None:
        return agent.split(" ", 1)[0].replace("/", " ")[:_LONGEST] or UNKNOWN
    return f"{browser} on {system}" if system else browser
