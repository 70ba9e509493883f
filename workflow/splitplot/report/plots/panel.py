"""A box with two axes, for figures of x against y."""

from collections.abc import Sequence
from dataclasses import dataclass

from splitplot.report.plots.axis import Axis
from splitplot.report.plots.rows import ticks
from splitplot.report.plots.svg import SMALL, Sheet


@dataclass(frozen=True)
class Panel:
    """A drawing area by its pixels (top left, bottom right), with a scale along each side."""

    left: float
    top: float
    right: float
    bottom: float
    x: Axis
    y: Axis

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point."""
        return (
            self.x.at(x, self.left, self.right - self.left),
            self.y.at(y, self.bottom, self.top - self.bottom),
        )

    def frame(self, sheet: Sheet, across: str, up: str) -> None:
        """Grid lines, both axes with labels, and what they measure: `up` above, `across` below."""
        for value, label in self.y.ticks:
            y = self.y.at(value, self.bottom, self.top - self.bottom)
            sheet.line([self.left, self.right], [y, y], "line", 1)
            sheet.text(self.left - 7, y + 4, label, size=SMALL, anchor="end")
        ticks(sheet, self.x, self.left, self.right, self.bottom)
        sheet.text(0 if self.left < 80 else self.left - 44, self.top - 12, up, size=SMALL)
        middle = (self.left + self.right) / 2
        sheet.text(middle, self.bottom + 38, across, size=SMALL, anchor="middle")

    def line(
        self,
        sheet: Sheet,
        points: Sequence[tuple[float, float]],
        role: str = "ink",
        width: float = 1.6,
        dash: tuple[float, ...] | None = None,
    ) -> None:
        """A line through points of the panel."""
        pixels = [self.at(*point) for point in points]
        sheet.line([x for x, _ in pixels], [y for _, y in pixels], role, width, dash)

    def upright(self, sheet: Sheet, x: float, low: float, high: float, role: str = "ink") -> None:
        """A vertical interval."""
        self.line(sheet, [(x, low), (x, high)], role, 1.6)
