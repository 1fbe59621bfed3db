"""The command line. Its door is `main`; everything behind it is imported when it is needed, so that help is instant."""

from __future__ import annotations


def main() -> None:
    """Run `undercroft` with the process's arguments, and end the process."""
    from undercroft.cli.commands import run

    run()


__all__ = ["main"]
