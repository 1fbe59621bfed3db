"""What this room refuses."""

from __future__ import annotations

from undercroft.base.faults import Fault


class PageFault(Fault):
    """A request that no page takes."""

    default_code = "UC404"


def no_page() -> PageFault:
    """Also where there is one for other roles."""
    return PageFault("There is no such page")


def took_too_long(seconds: float) -> PageFault:
    """Its transaction, where there was one, has been undone."""
    return PageFault(f"The page took longer than {seconds:g} seconds", code="57014")
