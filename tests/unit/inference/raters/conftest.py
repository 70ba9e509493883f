"""A study whose answers three scorers grade: skill of the arms, and raters of known strictness and care."""

import random

import pytest

RATERS = ("exact", "kind", "other")


@pytest.fixture
def rated_study(make_plan, make_row, write_table):
    """(plan, path of the table): two conditions; "kind" passes some wrong answers, "other" errs at random.

    gap: how much more often the second condition is right. holes: share of answers without a score of
    "other". raters: as declared.
    """

    def make(
        n_items=80,
        gap=0.25,
        holes=0.0,
        replications=2,
        raters=RATERS,
        seed=3,
        kind=0.15,
        **analysis,
    ):
        draw = random.Random(seed)
        rows = []
        for i in range(n_items):
            difficulty = draw.gauss(0, 0.15)
            for condition, skill in (("minimal", 0.45), ("standard", 0.45 + gap)):
                for k in range(replications):
                    right = draw.random() < skill + difficulty
                    grades = {
                        "exact": right,
                        "kind": right or draw.random() < kind,
                        "other": right if draw.random() < 0.9 else not right,
                    }
                    lost = draw.random() < holes
                    for scorer, grade in grades.items():
                        row = make_row(condition, f"q{i:03d}", grade, k, scorer=scorer)
                        if scorer == "other" and lost:
                            row |= {"strict": None, "observed": None}
                        rows.append(row)
        plan = make_plan(replications=replications, raters=list(raters), **analysis)
        plan["scorers"] = [{"name": name} for name in RATERS]
        return plan, write_table(rows)

    return make
