"""What two cells have observed: which of their answers are one and the same, and when each was given."""

from dataclasses import dataclass
from typing import Any

from splitplot.compare.sides import answered

IDENTITY = ("key", "provider_id", "started_at", "finished_at")
"""Answers that agree in these are one answer, which two studies share through a ledger. The key alone says
only that the same was asked: another ledger has its own answer to it."""


@dataclass(frozen=True)
class Shared:
    """first, second: rows of either cell, without answers that both have. n_first, n_second: answers
    (distinct requests) of either; n_shared: those that both have; n_asked_twice: further requests that were
    put in both, and answered for each."""

    first: Any
    second: Any
    n_first: int
    n_second: int
    n_shared: int
    n_asked_twice: int

    @property
    def all_shared(self) -> bool:
        """Whether one of the cells has no answer of its own."""
        return 0 < self.n_shared == min(self.n_first, self.n_second)


def without_shared(first: Any, second: Any) -> Shared:
    """Tell shared answers from those that were observed twice. first, second: rows of the cells."""
    import pyarrow.compute as pc

    ours, theirs = first.filter(answered(first)), second.filter(answered(second))
    marks = _marks(ours), _marks(theirs)
    both = pc.is_in(marks[0].unique(), value_set=marks[1].unique())
    shared = marks[0].unique().filter(both)
    keys = ours["key"].unique(), theirs["key"].unique()
    asked = int(pc.sum(pc.is_in(keys[0], value_set=keys[1])).as_py() or 0)
    same = len(ours.filter(pc.is_in(marks[0], value_set=shared))["key"].unique())
    return Shared(
        first.filter(pc.invert(pc.is_in(_marks(first), value_set=shared))),
        second.filter(pc.invert(pc.is_in(_marks(second), value_set=shared))),
        len(keys[0]),
        len(keys[1]),
        same,
        asked - same,
    )


def observed(rows: Any) -> dict[str, Any]:
    """When the answers of a cell were given and what the provider called its model:
    {"answers", "lost", "first_at", "last_at", "provider_models", "simulated"}."""
    import pyarrow.compute as pc

    came = rows.filter(answered(rows))
    times = pc.coalesce(came["finished_at"], came["started_at"])
    span = pc.min_max(times).as_py()
    models = {name for name in came["provider_model"].unique().to_pylist() if name is not None}
    grid = pc.count(rows["key"], mode="all").as_py()
    return {
        "answers": len(came["key"].unique()),
        "lost": (grid - came.num_rows) / grid if grid else 0.0,
        "first_at": span["min"],
        "last_at": span["max"],
        "provider_models": sorted(models),
        "simulated": bool(pc.any(rows["simulated"]).as_py()),
    }


def _marks(rows: Any) -> Any:
    """One text per row, equal for rows of one answer."""
    import pyarrow.compute as pc

    columns = [rows[name] for name in IDENTITY]
    return pc.binary_join_element_wise(
        *columns, "\x1f", null_handling="replace", null_replacement=""
    )
