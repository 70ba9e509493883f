"""The differences of a contrast per item and prompt, for the scope "prompts like these"."""

from collections.abc import Sequence

import numpy as np

from splitplot.inference.arms import build_arms
from splitplot.inference.grid import Grid, Ints
from splitplot.inference.intervals import Floats

PROMPT = "condition"


def differences_by_prompt(
    grid: Grid, pairs: Sequence[tuple[int, int]], a: str = "strict", b: str | None = None
) -> tuple[Ints, Floats, list[str]]:
    """A − B per item and prompt, averaged over the other factors, for items answered under every prompt.

    pairs: of `arms.paired_cells`, for a contrast of another factor than the prompt. a, b: variants of
    `grid.VARIANTS` for the two arms, b as a by default. Returns positions of
    the items, the differences, shape (n_items, n_prompts), and the prompts' names in the order of the pairs.
    """
    by_prompt: dict[str, list[tuple[int, int]]] = {}
    for pair in pairs:
        by_prompt.setdefault(grid.cells[pair[0]].level(PROMPT), []).append(pair)
    table = np.full((len(grid.items), len(by_prompt)), np.nan)
    for column, chosen in enumerate(by_prompt.values()):
        arms = build_arms(grid, chosen, a, b or a)
        table[arms.item, column] = arms.a - arms.b
    complete = np.flatnonzero(np.isfinite(table).all(axis=1))
    return complete, table[complete], list(by_prompt)
