"""Where assumptions come from: a pilot, whose variances are found again, or numbers, or defaults."""

import numpy as np
import pytest

from splitplot.errors import ConfigError
from splitplot.inference.asked import asked_of_plan
from splitplot.inference.assumptions import Components, Size, difference_variance
from splitplot.inference.data import solver_cells
from splitplot.inference.summary import summarise
from splitplot.rehearsal.answers import Layout, draw_study, write_table
from splitplot.rehearsal.money import money_of
from splitplot.rehearsal.pilot import assumptions, from_contrast


def assumed(plan, folder):
    cells = solver_cells(plan)
    return assumptions(plan, folder.path, asked_of_plan(plan["analysis"]["primary"], cells))


def test_without_a_pilot_the_defaults_are_cautious_and_say_so(folder, planned):
    plan, _ = planned()
    [one] = assumed(plan, folder)
    assert one.basis == "defaults" and one.gap is None
    assert "No pilot was named: cautious defaults" in one.notes[0]


def test_numbers_of_the_study_are_taken_and_what_is_missing_is_named(folder, planned):
    pilot = {"mean": 0.8, "item_arm_sd": 0.1, "gap": 0.04}
    plan, _ = planned(analysis={"pilot": pilot})
    [one] = assumed(plan, folder)
    assert (one.basis, one.gap) == ("numbers", 0.04)
    assert (one.components.mean, one.components.item_arm_sd) == (0.8, 0.1)
    assert one.components.binary
    assert "item_sd, run_sd" in one.notes[1]


def test_a_pilot_gives_the_variance_of_the_difference_back(folder, planned, pilot, write_pilot):
    write_pilot(pilot(se=0.05, se_run=0.03, n=100, replications=2))
    plan, _ = planned(analysis={"pilot": {"from": "before"}})
    [one] = assumed(plan, folder)
    c = one.components
    between, whole = difference_variance(c, 0.0, Size(100, (2,), (2,), 2))
    assert whole == pytest.approx(0.05**2 * 100)
    assert whole - between == pytest.approx(0.03**2 * 100)
    assert (one.basis, c.mean, c.binary) == ("pilot", 0.5, True)
    assert "100 items of study before, contrast “steps − direct”" in one.notes[0]


def test_the_components_of_a_simulated_study_are_found_again(folder, planned, tmp_path):
    """The whole way: answers drawn from known components, the real inference, read as a pilot."""
    folder.write(
        "data/items.jsonl",
        "".join(f'{{"id": "i{n}", "input": "{n}?", "target": {n}}}\n' for n in range(3_000)),
    )
    plan, items = planned(sampling=[{"name": "warm", "temperature": 1.0}], replications=3)
    known = Components(0.6, 0.3, 0.2, (0.24 - 0.3**2 - 0.2**2) ** 0.5)
    cells = solver_cells(plan)
    asked = asked_of_plan(plan["analysis"]["primary"], cells)
    layout = Layout(cells, (3, 3), asked, [known], len(items), None)
    rng = np.random.default_rng(1)
    expected = {(a.trial, a.condition): a for a in money_of(plan, items, tmp_path).answers}
    table = tmp_path / "table.parquet"
    write_table(table, plan, layout, items, draw_study(layout, [0.05], rng), expected, rng)
    inference = summarise(table, plan | {"analysis": plan["analysis"] | {"placebo_runs": 0}}, None)
    found, notes = from_contrast(inference, inference["contrasts"][0])
    assert found.mean == pytest.approx(0.6, abs=0.02)
    assert found.item_sd == pytest.approx(0.3, abs=0.02)
    assert found.item_arm_sd == pytest.approx(0.2, abs=0.03)
    assert found.run_sd == pytest.approx(known.run_sd, abs=0.01)
    assert notes == []


def test_without_known_run_noise_half_of_it_is_assumed_and_said(pilot):
    inference = pilot(se=0.05, se_run=None, replications=1)
    found, notes = from_contrast(inference, inference["contrasts"][0])
    assert difference_variance(found, 0.0, Size(1, (1,), (1,)))[1] == pytest.approx(0.25)
    assert found.item_arm_sd == pytest.approx(found.run_sd)
    assert "run-to-run noise is not known" in notes[0]


def test_more_run_noise_than_variance_leaves_none_to_the_items(pilot):
    inference = pilot(se=0.03, se_run=0.04)
    found, notes = from_contrast(inference, inference["contrasts"][0])
    assert found.item_arm_sd == 0
    assert difference_variance(found, 0.0, Size(1, (2,), (2,)))[1] == pytest.approx(0.03**2 * 100)
    assert "run-to-run noise alone" in notes[0]


def test_what_clusters_add_is_taken_out(pilot):
    inference = pilot(n_clusters=20)
    found, notes = from_contrast(inference, inference["contrasts"][0])
    size = Size(100, (2,), (2,), 2, np.arange(100) // 5)
    from splitplot.inference.assumptions import difference_se

    assert difference_se(found, 0.0, size)[0] == pytest.approx(0.05)
    assert "clusters of 5.0 on average" in notes[0]


def test_numbers_replace_what_a_pilot_says(folder, planned, pilot, write_pilot):
    write_pilot(pilot())
    plan, _ = planned(analysis={"pilot": {"from": "before", "mean": 0.8, "gap": 0.1}})
    [one] = assumed(plan, folder)
    assert (one.components.mean, one.gap) == (0.8, 0.1)
    assert one.components.binary
    assert any("In place of what it says, as the study has it: mean." in note for note in one.notes)
    plan, _ = planned(analysis={"pilot": {"from": "before", "item_arm_sd": 0.05}})
    [one] = assumed(plan, folder)
    assert one.components.item_arm_sd == 0.05 and one.components.binary


def test_a_pilot_without_this_contrast_lends_the_most_alike(folder, planned, pilot, write_pilot):
    write_pilot(pilot(a="other", b="direct", name="other − direct") | {"simulated": True})
    value = pilot()
    value["contrasts"] = [value["contrasts"][0] | {"a": "x", "b": "y", "name": "x − y"}]
    value["conditions"][0]["condition"], value["conditions"][1]["condition"] = "x", "y"
    value["simulated"] = True
    write_pilot(value)
    plan, _ = planned(analysis={"pilot": {"from": "before"}})
    [one] = assumed(plan, folder)
    assert "another contrast of the factor condition" in one.notes[0]
    assert "The answers of that study are simulated." in one.notes


def test_a_pilot_that_speaks_of_its_own_items_alone_is_no_source(
    folder, planned, pilot, write_pilot
):
    write_pilot(pilot(scope="fixed"))
    plan, _ = planned(analysis={"pilot": {"from": "before"}})
    [one] = assumed(plan, folder)
    assert one.basis == "defaults" and "no contrast of this metric" in one.notes[0]


def test_an_absent_pilot_is_a_wrong_configuration_with_what_to_do(folder, planned):
    plan, _ = planned(analysis={"pilot": {"from": "nowhere"}})
    with pytest.raises(
        ConfigError,
        match=r"analysis\.pilot\.from: results/nowhere/inference\.json is not there; run",
    ):
        assumed(plan, folder)


def test_an_impossible_mixture_is_named(folder, planned, pilot, write_pilot):
    write_pilot(pilot())
    plan, _ = planned(analysis={"pilot": {"from": "before", "item_arm_sd": 0.4, "run_sd": 0.45}})
    with pytest.raises(ConfigError, match="more than scores from 0 to 1"):
        assumed(plan, folder)


@pytest.mark.parametrize(
    ("pilot", "message"),
    [
        (
            {"item_sd": 0.4, "run_sd": 0.4},
            "0.32, more than scores from 0 to 1 with mean 0.5 can vary: 0.25",
        ),
        ({"mean": 1.5}, "must be at most 0.995, not 1.5"),
        ({"gap": -0.1}, "must be above 0, not -0.1"),
        ({"item_deviation": 0.1}, "unknown key"),
        ({"from": "../other"}, "pilot"),
    ],
)
def test_a_wrong_pilot_is_refused_where_it_stands(folder, pilot, message):
    refusal = folder.refusal(analysis={"pilot": pilot})
    assert "analysis.pilot" in refusal and message in refusal


def test_a_pilot_is_no_part_of_what_is_frozen_or_made_again(folder):
    plain = folder.plan()
    plan = folder.plan(analysis={"pilot": {"from": "before", "gap": 0.1}})
    assert plan["digests"] == plain["digests"]
    assert plan["analysis"] == plain["analysis"]
    assert plan["pilot"] == {"from": "before", "gap": 0.1}
    assert "pilot" not in plain
