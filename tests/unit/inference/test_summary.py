"""inference.json from an item-response table, on small studies whose answer is known."""

import json
import random

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from splitplot.errors import ConfigError
from splitplot.inference.checks import Flag
from splitplot.inference.health import item_identity, of_exploration
from splitplot.inference.mcnemar import tango
from splitplot.inference.summary import summarise
from splitplot.inference.table import read_table


def codes(result, where=None):
    return {flag["code"] for flag in result["flags"] if where in (None, flag["where"])}


def two_by_two(make_row, both, a_only, b_only, neither, **other):
    """Rows of a study with these counts; a is standard, b is minimal."""
    rows = []
    table = [(1, 1)] * both + [(1, 0)] * a_only + [(0, 1)] * b_only + [(0, 0)] * neither
    for number, (a, b) in enumerate(table):
        rows.append(make_row("standard", f"q{number:03d}", a, **other))
        rows.append(make_row("minimal", f"q{number:03d}", b, **other))
    return rows


def test_identities_of_very_many_items_are_told_apart():
    codes_ = np.arange(60_000, dtype=np.int32)  # their product does not fit 32 bits
    assert item_identity(codes_, codes_) == (0, 0)
    again = codes_.copy()
    again[-1] = again[-2]
    assert item_identity(codes_, again) == (1, 0)


def test_the_table_is_read_the_same_in_one_row_group_and_in_many(make_row, write_table, tmp_path):
    rows = [
        make_row(arm, f"q{number % 7}", number % 2) for number in range(40) for arm in ("a", "b")
    ]
    path = write_table(rows)
    parts = tmp_path / "parts.parquet"
    pq.write_table(pq.read_table(path), parts, row_group_size=9)
    one, many = read_table(path), read_table(parts)
    for name, column in one.text.items():
        assert column.names == many.text[name].names == sorted(set(column.names))
        np.testing.assert_array_equal(column.code, many.text[name].code)
    for name, values in one.number.items():
        np.testing.assert_array_equal(values, many.number[name])


def test_one_replication_of_0_1_scores(make_plan, make_row, write_table):
    path = write_table(two_by_two(make_row, 60, 30, 10, 20))
    result = summarise(path, make_plan(), None)
    [contrast] = result["contrasts"]
    expected = tango(30, 10, 120)
    assert contrast["difference"]["low"] == expected.low
    assert contrast["difference"]["high"] == expected.high
    assert contrast["discordant"] == {"a_only": 30, "b_only": 10}
    assert (contrast["wins"], contrast["ties"], contrast["losses"]) == (30, 80, 10)
    assert contrast["test"] == "McNemar exact"
    assert contrast["verdict"] == "BETTER"
    assert contrast["sentence"].startswith("“standard” is better than “minimal” by")
    assert contrast["noise"]["se_run"] is None
    standard = next(c for c in result["conditions"] if c["condition"] == "standard")
    low, high = proportion_confint(90, 120, method="wilson")
    assert (standard["strict"]["low"], standard["strict"]["high"]) == pytest.approx((low, high))
    assert (standard["n_items"], standard["n_rows"], standard["replications"]) == (120, 120, 1)
    assert result["n_items"] == 120
    assert not result["clustered"]


def test_result_is_the_same_bytes_whatever_the_order_of_the_rows(make_plan, make_row, write_table):
    shuffler, scores = random.Random(3), random.Random(4)
    rows = [
        make_row(
            condition, f"q{i}", scores.choice([0, 0.3, 1 / 3, 1]), replication=k, sampling=sampling
        )
        for condition in ("minimal", "standard")
        for sampling in ("greedy", "warm")
        for i in range(40)
        for k in range(3)
    ]
    plan = make_plan(samplings=("greedy", "warm"))
    texts = set()
    for row_group_size in (None, 7, 50):
        path = write_table(rows, row_group_size=row_group_size)
        texts.add(json.dumps(summarise(path, plan, None), allow_nan=False))
        shuffler.shuffle(rows)
    assert len(texts) == 1


def test_replications_are_averaged_within_the_item_before_anything_else(
    make_plan, make_row, write_table
):
    # Trap 16 of the specification: item e was answered ten times by A, the others once. By items A is
    # (1 + 1 + 1 + 0)/4 against B (1 + 1 + 0 + 0)/4; by rows A would be at 3/13.
    rows = [make_row("standard", item, 1) for item in "abc"]
    rows += [make_row("standard", "e", 0, replication=k) for k in range(10)]
    rows += [
        make_row("minimal", item, score) for item, score in zip("abce", (1, 1, 0, 0), strict=True)
    ]
    result = summarise(write_table(rows), make_plan(), None)
    assert result["contrasts"][0]["difference"]["estimate"] == pytest.approx(0.25)
    assert result["conditions"][1]["strict"]["estimate"] == pytest.approx(0.75)


def test_noise_from_replications_matches_the_formula(make_plan, make_row, write_table):
    generator = np.random.default_rng(2)
    scores = generator.integers(0, 2, (2, 60, 3))
    rows = [
        make_row(condition, f"q{i:02d}", scores[c, i, k], replication=k, sampling="warm")
        for c, condition in enumerate(("minimal", "standard"))
        for i in range(60)
        for k in range(3)
    ]
    result = summarise(write_table(rows), make_plan(samplings=("warm",)), None)
    [contrast] = result["contrasts"]
    expected = np.sqrt((scores.var(axis=2, ddof=1) / 3).sum() / 60**2)
    assert contrast["noise"]["se_run"] == pytest.approx(expected)
    assert contrast["difference"]["method"] == "adjusted t over items"
    assert "first replication only" in {s["name"] for s in contrast["sensitivity"]}


def test_a_cell_is_also_told_at_exactly_these_items(make_plan, make_row, write_table):
    generator = np.random.default_rng(2)
    scores = generator.integers(0, 2, (60, 3))
    rows = [
        make_row("standard", f"q{i:02d}", scores[i, k], replication=k, sampling="warm")
        for i in range(60)
        for k in range(3)
    ]
    plan = make_plan(conditions=("standard",), samplings=("warm",), primary=[])
    [cell] = summarise(write_table(rows), plan, None)["conditions"]
    variances = scores.var(axis=1, ddof=1) / 3
    se = np.sqrt(variances.sum()) / 60
    df = variances.sum() ** 2 / (variances**2 / 2).sum()  # Satterthwaite, K − 1 = 2 for each item
    assert cell["these_items"]["df"] == pytest.approx(df)
    quantile = stats.t.ppf(0.975, df)
    assert cell["these_items"]["low"] == pytest.approx(scores.mean() - quantile * se, abs=1e-6)
    alone = [row for row in rows if row["replication"] == 0]
    assert summarise(write_table(alone), plan, None)["conditions"][0]["these_items"] is None


def test_identical_replications_at_temperature_zero_count_as_one(make_plan, make_row, write_table):
    rows = [
        row | {"replication": k} for row in two_by_two(make_row, 40, 20, 10, 30) for k in range(3)
    ]
    result = summarise(write_table(rows), make_plan(), None)
    assert "deterministic" in codes(result)
    assert result["contrasts"][0]["noise"]["se_run"] == 0.0
    assert result["contrasts"][0]["test"] == "McNemar exact"
    rows[0]["tokens_out"] += 1
    assert all(c["deterministic"] for c in result["conditions"])
    again = summarise(write_table(rows), make_plan(), None)
    assert [c["deterministic"] for c in again["conditions"]] == [True, False]


def still_and_moving(make_row, moving="warm"):
    """Scores of two samplings, two conditions, 40 items, 3 replications: "greedy" never changes."""
    generator = np.random.default_rng(3)
    return [
        make_row(
            condition,
            f"q{i:02d}",
            int(i % 3 > 0) if sampling == "greedy" else generator.integers(0, 2),
            replication=k,
            sampling=sampling,
        )
        for condition in ("minimal", "standard")
        for sampling in ("greedy", moving)
        for i in range(40)
        for k in range(3)
    ]


def test_noise_of_one_arm_alone_is_said_to_be_its_own(make_plan, make_row, write_table):
    rows = still_and_moving(make_row)
    primary = [{"name": "warm − greedy", "factor": "sampling", "a": "warm", "b": "greedy"}]
    plan = make_plan(samplings=("greedy", "warm"), primary=primary)
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    scores = {}
    for row in rows:
        if row["trial_id"] == "m-warm--1":
            scores.setdefault((row["condition_id"], row["item_id"]), []).append(row["strict"])
    # Two cells are averaged: each item's variance is that of a mean of three, over 2², both conditions.
    expected = sum(np.var(values, ddof=1) / 3 / 4 for values in scores.values()) / 40**2
    assert contrast["noise"]["se_run"] ** 2 == pytest.approx(expected)
    assert "“greedy” answers the same every time" in contrast["noise"]["reason"]
    assert "all of this comes from “warm”" in contrast["noise"]["reason"]


def test_a_contrast_says_over_what_it_is_averaged(make_plan, make_row, write_table):
    rows = still_and_moving(make_row)
    plan = make_plan(samplings=("greedy", "warm"))
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["averaged_over"] == "2 samplings (greedy, warm)"
    assert "averaged over 2 samplings" in contrast["sentence"]
    alone = [row for row in rows if row["trial_id"] == "m-warm--1"]
    [single] = summarise(write_table(alone), make_plan(samplings=("warm",)), None)["contrasts"]
    assert single["averaged_over"] is None


def test_exactly_these_items_see_gaps_by_run_to_run_noise_and_more_items_are_not_asked_for(
    make_plan, make_row, write_table
):
    plan = make_plan(samplings=("greedy", "warm"))
    plan["analysis"]["primary"][0]["scope"] = "fixed"
    [contrast] = summarise(write_table(still_and_moving(make_row)), plan, None)["contrasts"]
    z = 1.959964 + 0.841621  # two-sided 5 %, power 80 %
    assert contrast["smallest_detectable"] == pytest.approx(
        z * contrast["noise"]["se_run"], rel=1e-6
    )
    assert contrast["items_needed"] is None
    assert contrast["difference"]["method"].startswith("run-to-run noise")
    for other in contrast["sensitivity"]:
        assert other["difference"]["method"].startswith("run-to-run noise")


def test_exactly_these_items_must_also_hold_with_truncated_answers_left_out(
    make_plan, make_row, write_table
):
    generator = np.random.default_rng(0)
    rows = [
        make_row(condition, f"q{i:02d}", generator.random() < share, replication=k, sampling="warm")
        for condition, share in (("standard", 0.8), ("minimal", 0.8))
        for i in range(60)
        for k in range(3)
    ]
    for row in rows[180:]:
        if row["replication"] == 0:
            row.update(outcome="truncated", strict=0.0, observed=None)
    plan = make_plan(samplings=("warm",))
    plan["analysis"]["primary"][0]["scope"] = "fixed"
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["verdict"] == "NOT SETTLED"
    assert "depends on how answers cut off" in contrast["sentence"]


def test_a_contrast_uses_only_cells_that_both_levels_have(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 10, 10, 5, 5)
    # "warm" was run under one condition only: it must not pull the mean of that level.
    rows += [make_row("standard", f"q{i:03d}", 0, sampling="warm") for i in range(30)]
    plan = make_plan(samplings=("greedy", "warm"))
    plan["cells"] = [
        c for c in plan["cells"] if c["trial"] != "m-warm--1" or c["condition"] == "standard--1"
    ]
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["difference"]["estimate"] == pytest.approx(5 / 30)


def test_items_without_any_kept_answer_are_left_out_and_counted(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 60, 20, 10, 10)
    rows[0] = make_row("standard", "q000", 0, outcome="error")
    rows[3] = make_row("minimal", "q001", 0, outcome="unparseable")
    result = summarise(write_table(rows), make_plan(), None)
    standard = next(c for c in result["conditions"] if c["condition"] == "standard")
    assert (standard["n_items"], standard["items_lost"], standard["rows_lost"]) == (99, 1, 1)
    assert result["contrasts"][0]["n_items"] == 99
    assert "items_lost" in codes(result)
    counts = result["health"]["outcomes"][1]["counts"]
    assert counts["error"] == 1
    assert result["health"]["filled"] == 199
    minimal = next(c for c in result["conditions"] if c["condition"] == "minimal")
    assert minimal["strict"]["estimate"] == pytest.approx(69 / 100)  # unparseable is wrong …
    assert minimal["observed"]["estimate"] == pytest.approx(69 / 99)  # … and not observed
    names = {s["name"] for s in result["contrasts"][0]["sensitivity"]}
    assert {"lost answers counted as wrong", "lost answers all against “standard”"} <= names


def test_lost_answers_that_could_turn_the_sign_keep_the_verdict_open(
    make_plan, make_row, write_table
):
    rows = two_by_two(make_row, 100, 40, 15, 45)
    gone = [r for r in rows if r["condition_id"] == "minimal--1"][100:135]
    for row in gone:
        row.update(outcome="error", strict=None, observed=None)
    result = summarise(write_table(rows), make_plan(), None)
    [contrast] = result["contrasts"]
    assert {"lost", "differential_loss"} <= codes(result, "standard − minimal")
    assert contrast["verdict"] == "NOT SETTLED"
    assert "lost answer" in contrast["sentence"]


def test_a_verdict_that_rests_on_truncated_answers_is_not_spoken_as_settled(
    make_plan, make_row, write_table
):
    rows = two_by_two(make_row, 100, 30, 0, 70)
    for row in rows:
        if (
            row["condition_id"] == "minimal--1"
            and row["strict"] == 0
            and "q100" <= row["item_id"] <= "q129"
        ):
            row.update(outcome="truncated", observed=None)
    result = summarise(write_table(rows), make_plan(), None)
    [contrast] = result["contrasts"]
    assert "truncation_gap" in codes(result)
    assert contrast["verdict"] != "BETTER"
    assert "depends on how answers cut off" in contrast["sentence"]
    assert "higher max_tokens" in contrast["sentence"]


def test_clusters_widen_the_interval_and_below_five_there_is_no_verdict(
    make_plan, make_row, write_table
):
    for clusters, verdict in ((12, "BETTER"), (4, "NO VERDICT")):
        rows = two_by_two(make_row, 57, 50, 3, 10)
        for row in rows:
            row["cluster"] = f"p{int(row['item_id'][1:]) % clusters}"
        result = summarise(write_table(rows), make_plan(), None)
        assert result["clustered"]
        assert result["n_clusters"] == clusters
        assert result["contrasts"][0]["verdict"] == verdict
        assert "CR2" in result["contrasts"][0]["difference"]["method"]


def test_a_single_cluster_gives_a_flag_and_no_crash(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 10, 10, 5, 5, cluster="only")
    result = summarise(write_table(rows), make_plan(), None)
    assert result["contrasts"][0]["verdict"] == "NO VERDICT"
    assert result["contrasts"][0]["difference"] is None
    assert result["conditions"][0]["strict"] is None
    assert "no_interval" in codes(result)


def test_without_declared_contrasts_every_pair_of_conditions_is_shown_as_not_primary(
    make_plan, make_row, write_table
):
    generator = np.random.default_rng(0)
    rows = [
        make_row(condition, f"q{i:02d}", generator.integers(0, 2))
        for condition in ("a", "b", "c")
        for i in range(40)
    ]
    result = summarise(write_table(rows), make_plan(conditions=("a", "b", "c"), primary=[]), None)
    assert [c["name"] for c in result["contrasts"]] == ["b − a", "c − a", "c − b"]
    assert not any(c["primary"] for c in result["contrasts"])
    assert all(c["margin_is_default"] for c in result["contrasts"])
    assert all(c["p_adjusted"] >= c["p_value"] for c in result["contrasts"])


def test_with_one_condition_the_trials_are_compared(make_plan, make_row, write_table):
    rows = [
        make_row("minimal", f"q{i:02d}", i % 2, sampling=sampling)
        for sampling in ("greedy", "warm")
        for i in range(30)
    ]
    plan = make_plan(conditions=("minimal",), samplings=("greedy", "warm"), primary=[])
    [contrast] = summarise(write_table(rows), plan, None)["contrasts"]
    assert contrast["name"] == "m (warm) − m (greedy)"
    assert "Identical scores" in next(
        f["message"]
        for f in summarise(write_table(rows), plan, None)["flags"]
        if f["code"] == "no_discordant"
    )


def test_only_the_named_scorer_counts(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 20, 15, 5, 10)
    others = [row | {"scorer": "other", "strict": 1.0, "observed": 1.0} for row in rows]
    plan = make_plan()
    first = summarise(write_table(rows + others), plan, None)
    assert first["contrasts"][0]["discordant"] == {"a_only": 15, "b_only": 5}
    assert first["health"]["grid_rows"] == 100
    plan["analysis"]["primary"][0]["metric"] = "other"
    second = summarise(write_table(rows + others), plan, None)
    assert second["contrasts"][0]["discordant"] == {"a_only": 0, "b_only": 0}


def test_repeated_and_changed_items_are_flagged(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 20, 15, 5, 10)
    for row in rows:
        if row["item_id"] in ("q001", "q002"):
            row["item_hash"] = "hash-q000"
    assert codes(summarise(write_table(rows), make_plan(), None)) >= {"duplicate_items"}
    assert summarise(write_table(rows), make_plan(), None)["health"]["duplicate_items"] == 2
    rows[-1]["item_hash"] = "edited"
    assert "item_versions" in codes(summarise(write_table(rows), make_plan(), None))


def far_from_the_others(make_row, gap, count=60):
    """Scores without ends: A is a little above B on every item, and by `gap` on one of them."""
    random, rows = np.random.default_rng(3), []
    for i in range(count):
        b = random.normal(10, 1)
        a = b + (gap if i == 17 else random.normal(0.5, 0.4))
        rows.append(make_row("standard", f"q{i:03d}", a))
        rows.append(make_row("minimal", f"q{i:03d}", b))
    return rows


def test_an_item_that_carries_a_claimed_gap_is_named(make_plan, make_row, write_table):
    result = summarise(write_table(far_from_the_others(make_row, 15.0)), make_plan(), None)
    [contrast] = result["contrasts"]
    assert contrast["verdict"] == "BETTER" and "influential" in contrast["flags"]
    [flag] = [flag for flag in result["flags"] if flag["code"] == "influential"]
    assert flag["where"] == "standard − minimal"
    d = contrast["difference"]["estimate"]
    without = (60 * d - 15.0) / 59
    assert flag["message"].startswith(
        f"Without “q017” the gap would be {without:.1f} units of score in place of {d:.1f}: one item "
        f"changes it by {100 * (d - without) / d:.1f}%."
    )
    calm = summarise(write_table(far_from_the_others(make_row, 0.5)), make_plan(), None)
    assert "influential" not in codes(calm)


def test_a_cluster_that_carries_a_claimed_gap_is_named_by_its_first_item(
    make_plan, make_row, write_table
):
    rows = far_from_the_others(make_row, 0.5)
    for row in rows:
        number = int(row["item_id"][1:])
        row["cluster"] = f"c{number // 6}"
        if 24 <= number < 30 and row["condition_id"] == "standard--1":
            row["strict"] = row["observed"] = row["strict"] + 1.5
    result = summarise(write_table(rows), make_plan(), None)
    assert result["contrasts"][0]["verdict"] in ("BETTER", "BETTER, SIZE OPEN")
    [flag] = [flag for flag in result["flags"] if flag["code"] == "influential"]
    assert "Without the 6 items of the cluster of “q024” the gap would be" in flag["message"]


def test_no_item_is_named_where_no_gap_is_claimed(make_plan, make_row, write_table):
    rows = far_from_the_others(make_row, 15.0, count=20)
    for row in rows:
        if row["item_id"] != "q017":
            row["strict"] = row["observed"] = 10 + int(row["item_id"][1:]) % 3 * 0.1
    result = summarise(write_table(rows), make_plan(), None)
    assert result["contrasts"][0]["verdict"] not in ("BETTER", "BETTER, SIZE OPEN")
    assert "influential" not in codes(result)


def test_what_explored_contrasts_say_of_the_answers_is_among_the_studys_flags_once(
    make_plan, make_row, write_table
):
    conditions = ("minimal", "standard", "long", "short")
    random = np.random.default_rng(2)
    rows = [
        make_row(
            condition,
            f"q{i:03d}",
            random.integers(2),
            outcome="error" if condition == "long" and i % 10 == 0 else "ok",
        )
        for condition in conditions
        for i in range(100)
    ]
    result = summarise(write_table(rows), make_plan(conditions), None)
    explored = {entry["name"]: entry["flags"] for entry in result["exploration"]}
    lossy = [name for name, flags in explored.items() if "lost" in flags]
    assert len(lossy) == 3 and "lost" not in result["contrasts"][0]["flags"]
    [flag] = [f for f in result["flags"] if f["code"] == "lost" and f["where"] in explored]
    assert flag["where"] == lossy[0]
    assert flag["message"].startswith("Exploratory: Lost answers: ")
    assert all(f"“{name}”" in flag["message"] for name in lossy[1:])
    assert not [f for f in result["flags"] if f["code"] == "default_margin"]


def test_a_flag_of_a_primary_contrast_is_not_repeated_for_an_explored_one():
    said = Flag("lost", "a − b", "Lost answers: “a” 5.0%, “b” 0.0%.")
    again = Flag("lost", "a − b · other", said.message)
    more = [Flag("lost", f"a − {name}", f"Lost answers: {name}.") for name in "cdefg"]
    assert of_exploration([again], [said]) == []
    [flag] = of_exploration([again, *more, Flag("few_items", "a − c", "few")], [said])
    assert flag == Flag(
        "lost",
        "a − c",
        "Exploratory: Lost answers: c. The same kind of flag is at “a − d”, “a − e”, “a − f” and 1 more.",
    )


def test_simulated_answers_are_marked_everywhere(make_plan, make_row, write_table):
    rows = two_by_two(make_row, 20, 15, 5, 10, simulated=True)
    result = summarise(write_table(rows), make_plan(), None)
    assert result["simulated"]
    assert "simulated" in codes(result)
    assert result["contrasts"][0]["sentence"].startswith("[Simulated answers]")


def test_a_changed_plan_is_flagged_and_frozen_is_passed_on(make_plan, make_row, write_table):
    path = write_table(two_by_two(make_row, 20, 15, 5, 10))
    frozen = {
        "analysis_digest": "x",
        "first_read_at": "2026-01-01T00:00:00Z",
        "status": "exploratory",
        "extended_after_read": True,
    }
    result = summarise(path, make_plan(), frozen)
    assert result["frozen"] == frozen
    assert {"plan_changed", "extended_after_read"} <= codes(result)
    assert summarise(path, make_plan(), None)["frozen"]["status"] == "primary"


def test_a_study_in_which_nothing_was_answered_still_gives_a_summary(
    make_plan, make_row, write_table
):
    rows = [
        make_row(condition, f"q{i:02d}", 0, outcome="missing")
        for condition in ("minimal", "standard")
        for i in range(30)
    ]
    result = summarise(write_table(rows), make_plan(), None)
    assert result["contrasts"][0]["verdict"] == "NO VERDICT"
    assert result["health"]["filled"] == 0
    empty = summarise(write_table([]), make_plan(), None)
    assert empty["n_items"] == 0
    json.dumps(empty, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metric": "exactt"}, 'did you mean "exact"'),
        ({"factor": "prompt"}, "unknown factor"),
        ({"a": "standart"}, 'did you mean "standard"'),
        ({"missing": "impute"}, "allowed: strict, observed"),
    ],
)
def test_wrong_names_in_the_plan_are_one_readable_line(
    make_plan, make_row, write_table, change, said
):
    plan = make_plan()
    plan["analysis"]["primary"][0].update(change)
    with pytest.raises(ConfigError, match=said) as error:
        summarise(write_table(two_by_two(make_row, 5, 5, 5, 5)), plan, None)
    assert "\n" not in str(error.value)
    assert "standard − minimal" in str(error.value)


def test_a_table_without_a_needed_column_is_named(make_plan, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"trial_id": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="columns missing: condition_id"):
        summarise(tmp_path / "t.parquet", make_plan(), None)


def test_unbounded_scores_are_spoken_of_in_units(make_plan, make_row, write_table):
    generator = np.random.default_rng(0)
    rows = [
        make_row(condition, f"q{i:02d}", round(float(generator.normal(50 + shift, 5)), 2))
        for condition, shift in (("minimal", 0), ("standard", 9))
        for i in range(60)
    ]
    sentence = summarise(write_table(rows), make_plan(), None)["contrasts"][0]["sentence"]
    assert "units of score" in sentence
    assert "points" not in sentence
