"""The differences on parts of the items (datasets, answerable or not, open or closed book), all of it
exploration; and what several datasets say together."""

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np

from splitplot.inference.answering.endpoints import (
    EXACT_MATCH,
    FALSE_ANSWERS,
    TOKEN_F1,
    UNSUPPORTED,
    Rated,
)
from splitplot.inference.answering.setting import Gap, Setting
from splitplot.inference.checks import MIN_ITEMS
from splitplot.inference.grid import Bools
from splitplot.inference.meta import Pooled, pool, standard_error
from splitplot.inference.multiplicity import benjamini_hochberg
from splitplot.inference.scoped import MIN_DATASET_ITEMS, MIN_DATASETS

BY_PART = (EXACT_MATCH, TOKEN_F1, FALSE_ANSWERS, UNSUPPORTED, "abstention")
"""Endpoints that are looked at by parts; abstentions of answerable items are a part themselves."""


def subgroups(setting: Setting) -> list[dict[str, Any]]:
    """The difference on every part with MIN_ITEMS common items that is not the whole of the endpoint's items.
    p-values are adjusted over all of them (Benjamini & Hochberg)."""
    found: list[dict[str, Any]] = []
    for one in _measured(setting):
        for by, level, kept in _parts(setting, one):
            if kept.all():
                continue
            for condition in setting.others:
                gap = setting.gap_on(one, condition, kept, least=MIN_ITEMS)
                if gap is None:
                    continue
                found.append(
                    {
                        "by": by,
                        "level": level,
                        "condition": condition,
                        "control": setting.control,
                        "endpoint": one.endpoint.name,
                        "difference": gap.difference.to_json(),
                        "n_items": gap.n_items,
                        "n_clusters": gap.n_clusters,
                        "p_value": gap.p_value,
                    }
                )
    adjusted = benjamini_hochberg([entry["p_value"] for entry in found])
    return [entry | {"p_bh": p} for entry, p in zip(found, adjusted, strict=True)]


def across_datasets(setting: Setting) -> list[dict[str, Any]] | None:
    """The differences of at least two datasets taken together, by endpoint and condition; None for a study
    of fewer datasets."""
    if len(setting.data.datasets) < MIN_DATASETS:
        return None
    found = []
    for one in _measured(setting):
        for condition in setting.others:
            rows: list[tuple[str, Gap]] = []
            for name, kept in _datasets(setting, one):
                gap = setting.gap_on(one, condition, kept, least=MIN_DATASET_ITEMS, tested=False)
                if gap is not None:
                    rows.append((name, gap))
            if len(rows) < MIN_DATASETS:
                continue
            together = pool(
                [gap.difference.estimate for _, gap in rows],
                [standard_error(gap.difference) for _, gap in rows],
                level=setting.data.level,
            )
            found.append(_together(setting, one, condition, rows, together))
    return found


def _together(
    setting: Setting, one: Rated, condition: str, rows: list[tuple[str, Gap]], found: Pooled
) -> dict[str, Any]:
    return {
        "endpoint": one.endpoint.name,
        "condition": condition,
        "control": setting.control,
        "pooled": {
            "fixed": found.fixed.to_json(),
            "random": found.random.to_json() if found.random else None,
            "prediction": found.prediction.to_json() if found.prediction else None,
        },
        "heterogeneity": {
            "tau": sqrt(found.tau2),
            "q": found.q,
            "q_df": found.q_df,
            "q_p": found.q_p,
            "i2": found.i2,
            "i2_low": found.i2_low,
            "i2_high": found.i2_high,
        },
        "rows": [
            {"dataset": name, "n_items": gap.n_items, "difference": gap.difference.to_json()}
            for name, gap in rows
        ],
    }


def _measured(setting: Setting) -> list[Rated]:
    return [one for one in setting.rated if one.endpoint.name in BY_PART]


def _parts(setting: Setting, one: Rated) -> Iterator[tuple[str, str, Bools]]:
    """by, level and a mask over the items of the endpoint's grid."""
    for name, kept in _datasets(setting, one):
        yield "dataset", name, kept
    answers = setting.answers
    place = answers.positions(one.grid.items)
    for by, known, names in (
        ("answerable", answers.answerable, ("answerable", "unanswerable")),
        ("kind", answers.open_book, ("open_book", "closed_book")),
    ):
        if known is not None:
            for level, value in zip(names, (True, False), strict=True):
                yield by, level, known[place] == value


def _datasets(setting: Setting, one: Rated) -> Iterator[tuple[str, Bools]]:
    dataset = setting.data.dataset_of(one.grid)
    for code, name in enumerate(setting.data.datasets):
        kept: Bools = np.asarray(dataset == code)
        yield name, kept
