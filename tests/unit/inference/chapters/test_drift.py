"""The chapter `drift`, from an item-response table with waves to its entry."""

import json

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from splitplot.inference.chapters.drift import chapter
from splitplot.inference.data import load_data
from splitplot.inference.paired import paired_comparison
from splitplot.inference.summary import summarise

CONDITIONS = ("minimal", "standard")


@pytest.fixture
def study(make_plan, make_row, write_with):
    """scores: wave → shape (n_items, replications, 2 conditions)."""

    def make(scores, shuffle=None, missing=(), **plan):
        rows = [
            make_row(condition, f"i{i:03d}", table[i, r, c], replication=r) | {"wave": wave}
            for wave, table in scores.items()
            for c, condition in enumerate(CONDITIONS)
            for i in range(table.shape[0])
            for r in range(table.shape[1])
            if (wave, i) not in missing
        ]
        if shuffle is not None:
            rows = [rows[i] for i in np.random.default_rng(shuffle).permutation(len(rows))]
        first = next(iter(scores.values()))
        planned = make_plan(replications=first.shape[1], **plan)
        if len(scores) > 1:
            planned["waves"] = list(scores)
        return write_with(rows, wave="string"), planned

    return make


def draw(means, n=80, replications=1, seed=0):
    """Right or wrong, with the same difficulty of an item in every wave. means: wave → of each condition."""
    random = np.random.default_rng(seed)
    easy = random.normal(0, 0.15, (n, 1, 1))
    return {
        wave: (random.random((n, replications, 2)) < np.array(mean) + easy).astype(float)
        for wave, mean in means.items()
    }


def test_a_study_of_one_wave_has_no_entry(study):
    assert chapter(load_data(*study(draw({"": (0.5, 0.6)})))) == (None, [])


def test_a_cell_is_compared_with_its_first_wave_item_by_item(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.3, 0.75), "w3": (0.3, 0.5)})
    entry, flags = chapter(load_data(*study(scores)))
    assert entry["waves"] == ["first", "w2", "w3"]
    assert [(row["cell"]["condition"], row["wave"]) for row in entry["cells"]] == [
        (condition, wave) for condition in CONDITIONS for wave in ("w2", "w3")
    ]
    p_values = []
    for row in entry["cells"]:
        place = CONDITIONS.index(row["cell"]["condition"])
        before, later = scores[""][:, 0, place], scores[row["wave"]][:, 0, place]
        own = paired_comparison(later, before)
        assert row["difference"] == own.difference.to_json()
        table = [
            [0, int(((later == 1) & (before == 0)).sum())],
            [int(((later == 0) & (before == 1)).sum()), 0],
        ]
        assert row["p_value"] == pytest.approx(mcnemar(table, exact=True).pvalue)
        p_values.append(row["p_value"])
    adjusted = multipletests(p_values, method="holm")[1]
    assert [row["p_adjusted"] for row in entry["cells"]] == pytest.approx(adjusted)
    [flag] = flags
    assert (
        flag.code == "drift"
        and "wave w2 is" in flag.message
        and "above that of the first" in flag.message
    )
    assert "the score changed in “m · greedy · standard” (exact)" in entry["sentence"]
    json.dumps(entry, allow_nan=False)


def test_the_gap_of_a_contrast_is_followed_from_wave_to_wave(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.3, 0.75)}, replications=3)
    primary = [
        {"name": "gap", "factor": "condition", "a": "standard", "b": "minimal", "margin": 0.05}
    ]
    entry, _ = chapter(load_data(*study(scores, primary=primary)))
    [found] = entry["contrasts"]
    gaps = [table.mean(axis=1)[:, 1] - table.mean(axis=1)[:, 0] for table in scores.values()]
    assert [row["difference"]["estimate"] for row in found["gaps"]] == pytest.approx(
        [gap.mean() for gap in gaps]
    )
    [change] = found["changes"]
    assert change["difference"]["estimate"] == pytest.approx((gaps[1] - gaps[0]).mean())
    # Differences of differences lie within −2…2: a t interval over items, here from its definition.
    d = gaps[1] - gaps[0]
    assert change["difference"]["se"] == pytest.approx(d.std(ddof=1) / np.sqrt(d.size))


def test_a_gap_may_change_where_no_cell_is_shown_to_have(study):
    first = np.tile(np.arange(80)[:, None, None] % 2, (1, 1, 2)).astype(float)
    later = first.copy()
    first[:7, 0, 0], later[:7, 0, 0] = 1, 0  # seven lost, one gained: p = 0.07
    first[7, 0, 0], later[7, 0, 0] = 0, 1
    first[10:17, 0, 1], later[10:17, 0, 1] = 0, 1  # seven gained, one lost
    first[17, 0, 1], later[17, 0, 1] = 1, 0
    primary = [
        {"name": "gap", "factor": "condition", "a": "standard", "b": "minimal", "margin": 0.05}
    ]
    entry, _ = chapter(load_data(*study({"": first, "w2": later}, primary=primary)))
    assert entry["sentence"].endswith(
        "no score is shown to have changed, of 2 cells by exact, but the gap of “gap” did change."
    )


def test_waves_count_as_replications_everywhere_else(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.4, 0.6)}, replications=2)
    table, plan = study(scores)
    every = summarise(table, plan, None)
    pooled = np.concatenate(list(scores.values()), axis=1)
    assert every["conditions"][0]["replications"] == 4
    assert every["conditions"][0]["strict"]["estimate"] == pytest.approx(pooled[:, :, 0].mean())
    gap = pooled.mean(axis=1)[:, 1] - pooled.mean(axis=1)[:, 0]
    assert every["contrasts"][0]["difference"]["estimate"] == pytest.approx(gap.mean())


def test_items_of_one_wave_alone_are_left_out(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.3, 0.5)})
    missing = {("w2", 3), ("", 7)}
    entry, _ = chapter(load_data(*study(scores, missing=missing)))
    kept = [i for i in range(80) if i not in (3, 7)]
    assert {row["n_items"] for row in entry["cells"]} == {78}
    own = (scores["w2"] - scores[""])[kept, 0, 0].mean()
    assert entry["cells"][0]["difference"]["estimate"] == pytest.approx(own)


def test_too_few_items_are_no_comparison(study):
    entry, flags = chapter(load_data(*study(draw({"": (0.3, 0.5), "w2": (0.9, 0.9)}, n=19))))
    assert all(row["difference"] is None and row["p_adjusted"] is None for row in entry["cells"])
    assert "19 items in both waves, 20 are needed" in entry["cells"][0]["sentence"]
    assert "no cell can be compared" in entry["sentence"] and flags == []


def test_the_order_of_the_rows_changes_nothing(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.5, 0.6)}, replications=2)
    found = [
        json.dumps(chapter(load_data(*study(scores, shuffle=seed)))[0]) for seed in (None, 1, 2)
    ]
    assert len(set(found)) == 1


def test_rows_of_a_wave_that_the_plan_does_not_have_are_left_out(study):
    scores = draw({"": (0.3, 0.5), "w2": (0.9, 0.9)})
    table, plan = study(scores)
    del plan["waves"]
    every = summarise(table, plan, None)
    assert every["conditions"][0]["strict"]["estimate"] == pytest.approx(scores[""][:, 0, 0].mean())
    assert every["drift"] is None


@pytest.mark.long
@pytest.mark.slow
def test_without_drift_a_change_is_found_as_rarely_as_claimed(study):
    """150 studies of two cells and two waves: any alarm at all in at most 5 % of them (Holm)."""
    alarms = 0
    for seed in range(150):
        _, flags = chapter(
            load_data(*study(draw({"": (0.4, 0.6), "w2": (0.4, 0.6)}, n=60, seed=seed)))
        )
        alarms += bool(flags)
    # Binomial(150, .05): 15 or more with probability .007
    assert alarms <= 15


def test_false_answers_are_followed_though_another_scorer_is_the_first(
    study, make_plan, make_row, write_with
):
    scores = {"": (0.6, 0.6), "w2": (0.6, 0.95)}
    random = np.random.default_rng(3)
    rows = [
        make_row(condition, f"{kind}{i:03d}", random.random() < share[kind == "u"], scorer=scorer)
        | {"wave": wave}
        for wave, share in scores.items()
        for condition in CONDITIONS
        for kind, scorer in (("a", "exact"), ("u", "no_false_answer"))
        for i in range(60)
    ]
    plan = make_plan() | {"waves": list(scores)}
    plan["scorers"] = [
        {"name": "exact", "scorer": "qa_em"},
        {"name": "no_false_answer", "scorer": "no_false_answer"},
    ]
    entry, flags = chapter(load_data(write_with(rows, wave="string"), plan))
    assert [row["metric"] for row in entry["cells"]] == ["exact"] * 2 + ["no_false_answer"] * 2
    assert {row["n_items"] for row in entry["cells"]} == {60}
    p_values = [row["p_value"] for row in entry["cells"]]
    adjusted = multipletests(p_values, method="holm")[1]
    assert [row["p_adjusted"] for row in entry["cells"]] == pytest.approx(adjusted)
    assert len(flags) == 2 and all("no_false_answer" in flag.message for flag in flags)
