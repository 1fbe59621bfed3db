"""The accent of pages, and what can be read on it: contrast as WCAG 2.2 (1.4.3) counts it."""

from __future__ import annotations

_ENOUGH = 4.5
_LIGHT, _DARK = (255, 255, 255), (32, 31, 28)
"""The paper of pages, by day and by night."""
_STEPS = 20

Colour = tuple[int, int, int]


def accents(accent: str) -> str:
    """The custom properties of a style sheet: the accent, and the text upon it, for light and for dark pages."""
    chosen = _read(accent)
    light, dark = _readable(chosen, _LIGHT, (0, 0, 0)), _readable(chosen, _DARK, (255, 255, 255))
    return (
        f":root{{--accent:{_written(light)};--on-accent:{_upon(light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{--accent:{_written(dark)};--on-accent:{_upon(dark)}}}}}\n"
    )


def contrast(one: Colour, other: Colour) -> float:
    """From 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: Colour, paper: Colour, towards: Colour) -> Colour:
    """The colour, or the nearest shade of it that can be read on the paper."""
    for step in range(_STEPS + 1):
        part = step / _STEPS
        mixed = [round(one + (other - one) * part) for one, other in zip(colour, towards, strict=True)]
        shade = (mixed[0], mixed[1], mixed[2])
        if contrast(shade, paper) >= _ENOUGH:
            return shade
    return towards


def _upon(colour: Colour) -> str:
    return "#fff" if contrast(colour, (255, 255, 255)) >= _ENOUGH else "#111"


def _luminance(colour: Colour) -> float:
    parts = [each / 255 for each in colour]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _read(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
