"""The chapter `drift` of inference.json: what changed between waves."""

from pydantic import Field

from splitplot.inference_schema.entries import CellEntry, Entry, IntervalEntry


class Change(Entry):
    """What a later wave has, less what the first one has."""

    wave: str = Field(description="The later wave.")
    n_items: int = Field(description="Items of both waves.")
    difference: IntervalEntry | None = Field(description="Later − first, paired by item.")
    p_value: float | None = Field(description="Of a change of 0.")
    p_adjusted: float | None = Field(description="Holm, over all changes of its kind.")
    test: str | None = Field(description="Name of the test.")
    sentence: str = Field(description="In words.")


class CellChange(Change):
    """The change of a cell's score."""

    cell: CellEntry = Field(description="The cell.")
    metric: str = Field(description="Name of the scorer.")


class WaveGap(Entry):
    """The gap of a contrast in one wave."""

    wave: str = Field(description="The wave.")
    difference: IntervalEntry | None = Field(description="A − B.")


class ContrastChanges(Entry):
    """A contrast by waves."""

    contrast: str = Field(description="Name of the contrast.")
    gaps: list[WaveGap] = Field(description="Every wave by itself.")
    changes: list[Change] = Field(description="Of the gap, since the first wave.")


class Drift(Entry):
    """What changed since the first wave."""

    waves: list[str] = Field(description="In the order in which they were asked for.")
    cells: list[CellChange] = Field(description="Every cell by every scorer that is followed.")
    contrasts: list[ContrastChanges] = Field(description="Every declared contrast on scores.")
    sentence: str = Field(description="In words.")
