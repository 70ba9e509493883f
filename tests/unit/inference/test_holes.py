"""Contrasts with holes: the items in common by default, the others by a mixed model and as unpaired."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from splitplot.inference.summary import summarise

MIXED = "mixed model of every answered item (REML)"
UNPAIRED = "every answered item, the arms as unpaired"


def holed(make_row, graded, n=150, lost=30, seed=2):
    """Two arms; the last items were lost in one arm, the first in the other."""
    random = np.random.default_rng(seed)
    ability = random.normal(0, 1, n)
    rows = []
    for condition, shift, gone in (
        ("minimal", 0.0, range(lost)),
        ("standard", 0.6, range(n - lost, n)),
    ):
        for i in range(n):
            chance = 1 / (1 + np.exp(-ability[i] - shift))
            score = random.binomial(4, chance) / 4 if graded else float(random.random() < chance)
            outcome = "error" if i in gone else "ok"
            rows.append(make_row(condition, f"q{i:03d}", score, outcome=outcome))
    return rows


def panel(make_plan, write_table, rows):
    [contrast] = summarise(write_table(rows), make_plan(), None)["contrasts"]
    return contrast, {one["name"]: one["difference"] for one in contrast["sensitivity"]}


@pytest.mark.filterwarnings("ignore")
def test_the_mixed_model_is_that_of_statsmodels(make_plan, make_row, write_table):
    rows = holed(make_row, graded=True)
    contrast, found = panel(make_plan, write_table, rows)
    assert contrast["n_items"] == 90
    kept = pd.DataFrame([row for row in rows if row["strict"] is not None])
    fit = smf.mixedlm("strict ~ C(condition_id)", kept, groups="item_id").fit(method="powell")
    assert found[MIXED]["estimate"] == pytest.approx(fit.fe_params.iloc[1], abs=1e-5)
    # Powell stops a little early, and lbfgs at a singular matrix: within half a percent.
    assert found[MIXED]["se"] == pytest.approx(fit.bse_fe.iloc[1], rel=5e-3)
    assert found[MIXED]["se"] < contrast["difference"]["se"]


def test_the_arms_as_unpaired_are_welch_or_newcombe_on_all_that_was_answered(
    make_plan, make_row, write_table
):
    for graded in (True, False):
        rows = holed(make_row, graded)
        _, found = panel(make_plan, write_table, rows)
        a, b = (
            np.array(
                [r["strict"] for r in rows if r["condition_id"] == c and r["strict"] is not None]
            )
            for c in ("standard--1", "minimal--1")
        )
        if graded:
            welch = CompareMeans(DescrStatsW(a), DescrStatsW(b)).tconfint_diff(usevar="unequal")
        else:
            welch = confint_proportions_2indep(
                int(a.sum()), a.size, int(b.sum()), b.size, method="newcomb"
            )
        assert (found[UNPAIRED]["low"], found[UNPAIRED]["high"]) == pytest.approx(welch, abs=1e-6)


def test_without_holes_neither_is_shown(make_plan, make_row, write_table):
    _, found = panel(make_plan, write_table, holed(make_row, graded=False, lost=0))
    assert not {MIXED, UNPAIRED} & set(found)


def test_with_clusters_there_is_no_mixed_model_of_items_that_stand_alone(
    make_plan, make_row, write_table
):
    rows = holed(make_row, graded=True)
    for row in rows:
        row["cluster"] = f"p{int(row['item_id'][1:]) % 15}"
    _, found = panel(make_plan, write_table, rows)
    assert MIXED not in found
    assert UNPAIRED in found


def test_arms_without_a_common_item_are_refused_and_shown_as_unpaired(
    make_plan, make_row, write_table
):
    rows = [make_row("standard", f"a{i:02d}", i % 3 > 0) for i in range(60)]
    rows += [make_row("minimal", f"b{i:02d}", i % 3 == 0) for i in range(60)]
    contrast, found = panel(make_plan, write_table, rows)
    assert contrast["verdict"] == "NO VERDICT"
    assert found[UNPAIRED]["estimate"] == pytest.approx(1 / 3, abs=1e-9)
