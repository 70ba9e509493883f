"""What a section of the report consists of, as values: sentences, figures and tables.

The same values become HTML and Markdown, so that neither can say what the other does not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from splitplot.report.cells import shown
from splitplot.report.wording import NOTHING

if TYPE_CHECKING:
    from splitplot.report.plots.svg import Sheet


@dataclass(frozen=True)
class Figure:
    """A figure: drawn once for wide screens and once for narrow ones.

    name: unique on the page. description: the main numbers in words, for who cannot see it.
    draw: from the width in pixels to the drawing. legend: (sign in figures.html.j2, its meaning).
    """

    name: str
    caption: str
    description: str
    draw: Callable[[float], "Sheet"]
    legend: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Value:
    """A cell of a table: its text, smaller lines under it, a link within the page, a tag."""

    text: str
    soft: tuple[str, ...] = ()
    link: str = ""
    tag: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows; `left` rows more are in the files beside the report.

    folded: its numbers stand in a figure already, so it opens on demand.
    """

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    left: int = 0
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A section under its heading; `short` is its name in the list of sections."""

    anchor: str
    title: str
    short: str
    lead: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Rows:
    """Rows of a table while they are gathered."""

    head: tuple[str, ...]
    rows: list[tuple[Value, ...]] = field(default_factory=list)

    def add(self, *values: "Value | str | None") -> None:
        """A row; None and "" are shown as the sign for no value."""
        row = tuple(v if isinstance(v, Value) else Value(v or NOTHING) for v in values)
        if len(row) != len(self.head):
            raise ValueError(f"{len(row)} values under {len(self.head)} headings")
        self.rows.append(row)

    def table(self, name: str, caption: str, *, folded: object = False) -> tuple[Table, ...]:
        """The table, cut to what the page holds, without columns that are empty; none where no row is.

        folded: whether (or which figures) show the same numbers.
        """
        if not self.rows:
            return ()
        used = [
            place
            for place in range(len(self.head))
            if place == 0 or any(row[place].text != NOTHING or row[place].soft for row in self.rows)
        ]
        kept, left = shown(self.rows)
        return (
            Table(
                name,
                caption,
                tuple(self.head[place] for place in used),
                tuple(tuple(row[place] for place in used) for row in kept),
                left,
                bool(folded),
            ),
        )


def said(*sentences: str | None) -> tuple[str, ...]:
    """The sentences that there are."""
    return tuple(text for text in sentences if text)


def joined(parts: Iterable[str]) -> str:
    """Parts of a description as sentences: “a. b. c.”"""
    return ". ".join(text.strip().rstrip(".") for text in parts if text.strip()) + "."


def first(rows: Sequence[str], most: int, noun: str) -> list[str]:
    """The first rows of a description, and how many more there are."""
    left = len(rows) - most
    return [*rows[:most], *([f"and {left} more {noun}"] if left > 0 else [])]
