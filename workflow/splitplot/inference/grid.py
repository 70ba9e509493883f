"""Graded answers as arrays: one row per answer, sorted by cell, item and replication; item means of them.

The names of the analyses (`VARIANTS`) say what an answer counts for:
strict: unusable answers are wrong, lost ones are left out; observed: only usable answers;
untruncated: strict, without the answers cut off at the token limit; first: strict, first replication only;
lost_wrong, lost_right: strict, with lost answers filled in as 0 or as 1, for bounds;
certain, doubtful_right: strict, without the unusable answers that count as wrong, or with 1 for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splitplot.inference.clusters import realised_inflation
from splitplot.inference.intervals import Floats
from splitplot.inference.noise import run_variance
from splitplot.items.copies import MOST_INFLATED, find_copies

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

VARIANTS = (
    "strict",
    "observed",
    "untruncated",
    "first",
    "lost_wrong",
    "lost_right",
    "certain",
    "doubtful_right",
)


@dataclass(frozen=True)
class Cell:
    """A trial under a condition. sampling_is_greedy: temperature 0 was asked for."""

    trial: str
    model: str
    sampling: str
    condition_id: str
    condition: str
    sampling_is_greedy: bool

    @property
    def label(self) -> str:
        """How reports name the cell."""
        return f"{self.model} · {self.sampling} · {self.condition}"

    def level(self, factor: str) -> str:
        """The cell's level of a factor: condition, model, sampling or trial."""
        return str(getattr(self, factor))


@dataclass(frozen=True)
class Rows:
    """Graded answers in any order, one entry per row.

    cell, item: positions in the lists of cells and items. strict, observed: scores, NaN where there is none.
    truncated: cut off at the token limit. signature: equal numbers for answers that look identical
    (outcome and length), to recognise deterministic sampling.
    origin: position of the row in the table it came from, for its other columns.
    """

    cell: Ints
    item: Ints
    replication: Ints
    strict: Floats
    observed: Floats
    truncated: Bools
    signature: Ints
    origin: Ints | None = None

    def sorted(self) -> "Rows":
        """The same rows in an order that does not depend on the file."""
        if not self.cell.size:
            return self
        items, replications = int(self.item.max()) + 1, int(self.replication.max()) + 1
        place = (self.cell * items + self.item) * replications + self.replication
        order = np.argsort(place, kind="stable")
        if (
            np.diff(place[order]) == 0
        ).any():  # a replication that is there twice: order by content too
            order = np.lexsort((self.signature, self.observed, self.strict, place))
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        moved = {name: values[order] for name, values in columns.items() if values is not None}
        return replace(self, **moved)


@dataclass(frozen=True)
class CellScores:
    """One cell under one variant, per item, shape (n_items,): mean over kept replications (NaN where
    none was kept), their count, and the variance of that mean from run to run (None: one replication).
    """

    mean: Floats
    count: Ints
    run_variance: Floats | None


class Grid:
    """All rows of a study with the item means of each cell, computed once each."""

    def __init__(
        self,
        cells: Sequence[Cell],
        items: Sequence[str],
        cluster: Ints,
        rows: Rows,
        content: Ints | None = None,
    ) -> None:
        """cluster: code of each item's cluster as declared, shape (n_items,), codes in sorted order of the
        labels. content: equal numbers for items of the same content, −1 where unknown; None: no two
        are the same. `cluster` of the grid holds copies together where they would matter whatever is
        compared (`copies`); whether they matter for given values is for `codes` and `labels` to say."""
        self.cells = tuple(cells)
        self.items = tuple(items)
        self.declared = cluster
        self.content = np.full(cluster.size, -1, dtype=np.int64) if content is None else content
        self.copies = find_copies(
            cluster.tolist(), [None if code < 0 else code for code in self.content.tolist()]
        )
        together = self.copies.together
        self._together = cluster if together is None else np.array(together, dtype=np.int64)
        self.cluster = self._together if self.copies.joined else cluster
        self.rows = rows.sorted()
        self._bounds = np.searchsorted(self.rows.cell, np.arange(len(self.cells) + 1))
        self._known: dict[tuple[int, str], CellScores] = {}

    @property
    def n_clusters(self) -> int:
        """Number of distinct clusters among the items."""
        return int(np.unique(self.cluster).size)

    @property
    def clustered(self) -> bool:
        """Whether any cluster holds more than one item."""
        return self.n_clusters < len(self.items)

    def codes(self, *values: tuple[Ints, Floats]) -> Ints:
        """Cluster code of every item of the grid, for a mean of these values over items.

        values: items and a number of each, shape (n,) both; of several pairs each counts. Copies are held
        together where with any of them the variance would be over `MOST_INFLATED` times what it is taken for.
        """
        if self.copies.joined or self.copies.together is None:
            return self.cluster
        for item, numbers in values:
            labels = self._together[item], self.cluster[item]
            if numbers.size and realised_inflation(numbers, *labels) > MOST_INFLATED:
                return self._together
        return self.cluster

    def labels(self, item: Ints | Bools, *values: Floats) -> Ints | None:
        """Cluster codes of some items for means of these values, as `codes`; None where all stand alone.

        item: positions or a mask. values: a number per such item each.
        """
        place = np.arange(len(self.items))[item]
        codes = self.codes(*((place, one) for one in values))[place]
        return codes if np.unique(codes).size < codes.size else None

    def holds_copies(self, item: Ints, labels: Ints | None) -> bool:
        """Whether these cluster codes of items join what would otherwise be different clusters."""
        return labels is not None and np.unique(labels).size < np.unique(self.declared[item]).size

    def rows_of(self, cell: int) -> slice:
        """Where the rows of a cell are."""
        return slice(int(self._bounds[cell]), int(self._bounds[cell + 1]))

    def replications(self, cell: int) -> int:
        """The largest number of rows that an item has in the cell: the planned replications."""
        item = self.rows.item[self.rows_of(cell)]
        return int(np.bincount(item).max()) if item.size else 0

    def lost(self, cell: int) -> Bools:
        """Per row of the cell: no answer reached us, or nothing could be scored."""
        return np.isnan(self.rows.strict[self.rows_of(cell)])

    def lost_items(self, cells: Sequence[int]) -> Bools:
        """Per item: whether an answer of it was lost in any of the cells."""
        found = np.zeros(len(self.items), dtype=np.bool_)
        for cell in cells:
            found[self.rows.item[self.rows_of(cell)][self.lost(cell)]] = True
        return found

    def share(self, what: str, cells: Sequence[int]) -> float:
        """Share of the cells' rows that were `lost`, or of the kept ones that were `truncated`,
        `unusable` (no score is observed) or `doubtful` (unusable, and counted as wrong)."""
        part = total = 0
        for cell in cells:
            lost = self.lost(cell)
            if what == "lost":
                part, total = part + int(lost.sum()), total + lost.size
            else:
                here = self.rows_of(cell)
                if what == "truncated":
                    so = self.rows.truncated[here]
                elif what == "unusable":
                    so = np.isnan(self.rows.observed[here])
                else:
                    so = self._doubtful(here)
                part, total = part + int((so & ~lost).sum()), total + int((~lost).sum())
        return part / total if total else 0.0

    def _doubtful(self, here: slice) -> Bools:
        """Per row: unusable, and counted as wrong; where a score counts the absence of something, an answer
        of which nobody knows whether it has it."""
        doubtful: Bools = np.isnan(self.rows.observed[here]) & (self.rows.strict[here] == 0.0)
        return doubtful

    def deterministic(self, cell: int) -> bool:
        """Temperature 0, at least two replications of some item, and none that differs from its first:
        same score, same outcome, same length."""
        if not self.cells[cell].sampling_is_greedy:
            return False
        here = self.rows_of(cell)
        item = self.rows.item[here]
        again = item[1:] == item[:-1]
        if not again.any():
            return False
        pairs = (self.rows.strict[here], self.rows.observed[here], self.rows.signature[here])
        return all(
            bool(((v[1:] == v[:-1]) | (np.isnan(v[1:]) & np.isnan(v[:-1])))[again].all())
            for v in (pair.astype(np.float64) for pair in pairs)
        )

    def scores(self, cell: int, variant: str = "strict") -> CellScores:
        """Item means of a cell. variant: one of VARIANTS."""
        key = (cell, variant)
        if key not in self._known:
            here = self.rows_of(cell)
            self._known[key] = item_scores(
                self.row_scores(cell, variant), self.rows.item[here], len(self.items)
            )
        return self._known[key]

    def row_scores(self, cell: int, variant: str = "strict") -> Floats:
        """Scores of the rows of a cell, NaN where the variant keeps none. variant: one of VARIANTS."""
        here = self.rows_of(cell)
        strict = self.rows.strict[here]
        if variant == "strict":
            return strict
        if variant == "observed":
            return self.rows.observed[here]
        if variant == "untruncated":
            return np.where(self.rows.truncated[here], np.nan, strict)
        if variant == "first":
            item = self.rows.item[here]
            later = np.concatenate([[False], item[1:] == item[:-1]])[: item.size]
            return np.where(later, np.nan, strict)
        if variant == "certain":
            return np.where(self._doubtful(here), np.nan, strict)
        if variant == "doubtful_right":
            return np.where(self._doubtful(here), 1.0, strict)
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r}")
        return np.where(np.isnan(strict), 1.0 if variant == "lost_right" else 0.0, strict)


def item_scores(scores: Floats, item: Ints, n_items: int) -> CellScores:
    """Item means of the rows of one cell. scores: per row, NaN where it is left out; item: of each row."""
    kept = ~np.isnan(scores)
    item, scores = item[kept], scores[kept]
    count = np.bincount(item, minlength=n_items)
    at_least_one = np.maximum(count, 1)
    mean = np.bincount(item, weights=scores, minlength=n_items) / at_least_one
    squares = np.bincount(item, weights=(scores - mean[item]) ** 2, minlength=n_items)
    variance = run_variance(at_least_one, squares / np.maximum(count - 1, 1))
    return CellScores(np.where(count == 0, np.nan, mean), count.astype(np.int64), variance)
