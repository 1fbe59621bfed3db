"""What a benchmark gives: figures beside their bars, made of rounds that were run in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach."""

    limit: float
    least: bool = True
    """The limit is the least that will do; else it is the most."""
    unit: str = ""

    def reached(self, figure: float) -> bool:
        return figure >= self.limit if self.least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'at least' if self.least else 'at most'} {self.limit:g}{self.unit}"


class Middle(NamedTuple):
    """The median of many rounds, and the quartiles around it: half of the rounds lie between them."""

    figure: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """The answer to a question."""

    what: str
    bar: Bar | None
    """None for a figure that is for the record."""
    middle: Middle
    note: str = ""
    """What the figure was made of."""
    commands: tuple[str, ...] = ()
    """What was run, to be pasted."""

    @property
    def reached(self) -> bool:
        return self.bar is None or self.bar.reached(self.middle.figure)


def middle(figures: Sequence[float]) -> Middle:
    """Of one figure or more."""
    if len(figures) < 2:
        return Middle(figures[0], figures[0], figures[0])
    low, _, high = quantiles(figures, n=4, method="inclusive")
    return Middle(median(figures), low, high)


def paired(ones: Sequence[float], others: Sequence[float]) -> Middle:
    """The ratio of two contestants, round by round: what disturbs the machine for a while disturbs both."""
    return middle([one / other for one, other in zip(ones, others, strict=True)])


def percent_more(ratio: Middle) -> Middle:
    """1.25 as 25 percent."""
    return Middle(*((each - 1) * 100 for each in ratio))
