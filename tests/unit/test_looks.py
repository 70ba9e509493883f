"""Looks and parts: which items are asked when, what a decision closes, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from splitplot import looks, paths, targets
from splitplot.calls.estimate import estimate, summary_line
from splitplot.calls.remaining import remaining
from splitplot.calls.requests import part_index, write_part
from splitplot.calls.status import status
from splitplot.errors import ConfigError
from splitplot.files import read_jsonl, write_json
from splitplot.items import write_items
from splitplot.items.item import Item, part_of

PRIMARY = {"contrast": ["condition", "steps", "direct"], "margin": 0.02}
ITEMS = [Item(f"i{n}", f"{n}?", (str(n),)) for n in range(60)]


@pytest.fixture
def make(root, monkeypatch):
    """make(looks=…, parts=…, **study): the plan of a study that may stop early."""
    monkeypatch.chdir(root.path)

    def plan(count=5, parts=1, **other):
        analysis = {"primary": PRIMARY, "stopping": "anytime", "looks": count}
        return root.plan(
            **{
                "models": ["strong"],
                "analysis": analysis,
                "execution": {"parts": parts},
            }
            | other
        )

    return plan


def write_decision(plan, look, settled_at, **other):
    decision = {
        "basis": looks.basis(plan),
        "settled_at": settled_at,
        "ask_next": settled_at is None,
    }
    write_json(Path(paths.LOOK.format(study="s", look=look)), decision | other)


@pytest.mark.parametrize(
    ("parts", "count", "expected"), [(1, 5, 5), (5, 5, 5), (6, 5, 10), (7, 2, 8), (4, 2, 4)]
)
def test_the_number_of_parts_is_raised_to_a_multiple_of_the_looks(make, parts, count, expected):
    assert len(make(count, parts)["parts"]) == expected


def test_a_study_of_fixed_size_keeps_its_parts_its_files_and_its_version(root):
    plan = root.plan(execution={"parts": 3})
    assert (looks.looks_of(plan), len(plan["parts"])) == (0, 3)
    assert [targets.opening(plan, part) for part in plan["parts"]] == [[]] * 3
    assert not [path for path in targets.stage_files(plan, partial=False) if "/looks/" in path]
    cell = plan["cells"][0]
    assert "looks" not in targets.cell_version(plan, cell["trial"], cell["condition"]).text


@pytest.mark.parametrize("parts", [5, 10, 35])
def test_the_look_of_an_item_does_not_depend_on_the_number_of_parts(make, parts):
    plan = make(5, parts)
    for item in ITEMS:
        part = part_of(item.id, len(plan["parts"]))
        assert looks.look_of_part(plan, part) == looks.look_of_item(item.id, 5)


def test_every_part_belongs_to_one_look_and_waits_for_the_decision_before(make):
    plan = make(3, 6)
    assert [looks.parts_of_look(plan, look) for look in (1, 2, 3)] == [
        ["0-of-6", "1-of-6"],
        ["2-of-6", "3-of-6"],
        ["4-of-6", "5-of-6"],
    ]
    assert [targets.opening(plan, part) for part in plan["parts"]] == [
        [],
        [],
        ["results/s/looks/1.json"],
        ["results/s/looks/1.json"],
        ["results/s/looks/2.json"],
        ["results/s/looks/2.json"],
    ]


def test_only_cells_of_primary_contrasts_decide(root, monkeypatch):
    monkeypatch.chdir(root.path)
    root.write("prompts/solver/brief.md", "Be brief. {{ input }}\n")
    conditions = root.study["conditions"] | {"brief": "prompts/solver/brief.md"}
    analysis = {"primary": PRIMARY, "stopping": "anytime", "looks": 2}
    plan = root.plan(models=["sims"], conditions=conditions, analysis=analysis)
    names = {condition["id"]: condition["name"] for condition in plan["conditions"]}
    deciding = [names[cell["condition"]] for cell in looks.primary_cells(plan)]
    assert (len(plan["cells"]), sorted(deciding)) == (6, ["direct", "direct", "steps", "steps"])
    contrast = {"contrast": ["model", "strong", "weak"]}
    plan = root.plan(models=["sims"], analysis=analysis | {"primary": contrast})
    assert len(looks.primary_cells(plan)) == 4


def test_the_scores_of_a_look_are_of_its_parts_and_the_scorers_that_decide(make):
    plan = make(2, 4, scorers=["numeric", {"scorer": "exact", "name": "e"}])
    part = looks.of_look(plan, 2)
    assert part["parts"] == ["2-of-4", "3-of-4"]
    assert [scorer["name"] for scorer in part["scorers"]] == ["numeric"]
    by_name = {"primary": PRIMARY | {"metric": "e"}, "stopping": "anytime", "looks": 2}
    plan = make(scorers=["numeric", {"scorer": "exact", "name": "e"}], analysis=by_name)
    assert [scorer["name"] for scorer in looks.of_look(plan, 1)["scorers"]] == ["e"]


def test_every_file_of_the_looks_is_one_that_a_study_wants(make):
    plan = make(3)
    files = targets.stage_files(plan, partial=False)
    assert {path for path in files if path.endswith(".json") and "/looks/" in path} == {
        "results/s/looks/1.json",
        "results/s/looks/2.json",
    }
    assert sum("/looks/" in path and path.endswith(".parquet") for path in files) == 4
    assert len(files) == len(set(files))


def test_a_decision_closes_the_parts_of_later_looks(make):
    plan = make(3, 6)
    assert looks.closed_parts(plan, Path()) == frozenset()
    write_decision(plan, 1, None)
    assert looks.settled_look(plan, Path()) is None
    write_decision(plan, 2, 2)
    assert looks.settled_look(plan, Path()) == 2
    assert looks.closed_parts(plan, Path()) == {4, 5}
    write_decision(plan, 1, 1)
    assert looks.closed_parts(plan, Path()) == {2, 3, 4, 5}


def test_what_is_left_of_more_looks_is_wanted_and_read_by_nobody(make):
    for look in range(1, 5):
        write_decision(make(5), look, 1)
    plan = make(2, 6)
    for name in ("2.json", "3.json", "4.json"):
        Path("results/s/looks", name).write_text("no JSON: reading it fails")
    assert looks.settled_look(plan, Path()) is None  # look 1 was decided on another basis
    write_decision(plan, 1, None)
    assert (looks.settled_look(plan, Path()), looks.closed_parts(plan, Path())) == (None, set())
    wanted = {path for path in targets.stage_files(plan, partial=False) if "/looks/" in path}
    assert {path.split("/looks/")[1][:2] for path in wanted} == {"1/", "1."}
    fixed = make(2, analysis={"primary": PRIMARY})
    assert (looks.settled_look(fixed, Path()), looks.closed_parts(fixed, Path())) == (None, set())


def test_a_decision_of_another_analysis_does_not_count(make):
    plan = make(3)
    write_decision(plan, 1, 1, basis="another")
    assert looks.closed_parts(plan, Path()) == frozenset()


def test_where_a_decision_asks_no_more_a_part_is_empty(make, tmp_path):
    plan = make(2)
    write_items(tmp_path / "items.parquet", ITEMS)
    cell = plan["cells"][0]
    place = (plan, cell["trial"], cell["condition"], "1-of-2", tmp_path / "items.parquet")
    decision = tmp_path / "looks.json"
    for ask_next, expected in ((True, 27), (False, 0)):
        write_json(decision, {"ask_next": ask_next})
        count = write_part(*place, tmp_path / "part", decision)
        assert count == expected
        for name in ("requests.jsonl", "grid.jsonl"):
            assert len(list(read_jsonl(tmp_path / "part" / name))) == expected
    assert sum(part_of(item.id, 2) == 1 for item in ITEMS) == 27


def test_items_that_share_clusters_are_refused_before_anything_is_asked(make, tmp_path):
    plan = make(2)
    clustered = [Item(f"i{n}", f"{n}?", (str(n),), cluster=f"c{n // 2}") for n in range(8)]
    message = (
        "config/studies/s.yaml: analysis.stopping: anytime needs items that stand alone, and 8 items "
        'share a cluster (2 of them "c0"); use stopping: fixed'
    )
    with pytest.raises(ConfigError) as caught:
        estimate(plan, clustered, tmp_path / "ledger")
    assert str(caught.value).startswith(message)
    write_items(tmp_path / "items.parquet", clustered)
    cell = plan["cells"][0]
    place = (plan, cell["trial"], cell["condition"], "0-of-2", tmp_path / "items.parquet")
    with pytest.raises(ConfigError) as caught:
        write_part(*place, tmp_path / "part")
    assert str(caught.value).startswith(message)
    alone = [Item(f"i{n}", f"{n}?", (str(n),), cluster=f"c{n}") for n in range(8)]
    assert estimate(plan, alone, tmp_path / "ledger").requests == 16


def test_copies_of_items_are_refused_before_anything_is_asked(make, tmp_path):
    plan = make(2)
    copied = [Item(f"i{n}", f"{n // 4}?", (str(n // 4),), source="data/i.jsonl") for n in range(40)]
    message = (
        "config/studies/s.yaml: analysis.stopping: anytime needs items that stand alone, and 30 of 40 "
        "are copies of another (data/i.jsonl: 30); drop the copies from the items, or use stopping: fixed"
    )
    with pytest.raises(ConfigError) as caught:
        estimate(plan, copied, tmp_path / "ledger")
    assert str(caught.value).startswith(message)
    write_items(tmp_path / "items.parquet", copied)
    assert looks.read_identities(tmp_path / "items.parquet") == looks.identities(copied)
    cell = plan["cells"][0]
    place = (plan, cell["trial"], cell["condition"], "0-of-2", tmp_path / "items.parquet")
    with pytest.raises(ConfigError) as caught:
        write_part(*place, tmp_path / "part")
    assert str(caught.value).startswith(message)


def test_the_items_stage_refuses_them_already(make, root):
    root.write("data/items.jsonl", "".join(f'{{"id": "i{n}", "input": "?"}}\n' for n in range(30)))
    write_json(root.path / "plan.json", make(2))
    script = Path(__file__).resolve().parents[2] / "scripts" / "load_items.py"
    arguments = ["--plan", "plan.json", "--items", "items.parquet", "--provenance", "items.json"]
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)
    assert done.returncode != 0 and not Path("items.parquet").exists()
    assert "29 of 30 are copies of another (data/items.jsonl: 29)" in done.stderr


def test_a_single_copy_among_many_items_is_refused_too(make):
    """It may be what tells the arms apart, and no number of other items bounds what it does then."""
    copy = Item("copy", ITEMS[3].input, ITEMS[3].targets)
    assert len(ITEMS) == 60
    looks.check_alone(make(2), looks.identities(ITEMS))
    with pytest.raises(ConfigError, match="1 of 61 is a copy of another"):
        looks.check_alone(make(2), looks.identities([*ITEMS, copy]))


def test_an_estimate_is_the_most_until_a_decision_closes_the_rest(make, tmp_path):
    plan = make(2)
    most = estimate(plan, ITEMS, tmp_path / "ledger")
    assert (most.requests, most.to_send, most.not_asked) == (120, 120, 0)
    assert summary_line(most).endswith(
        "at most 120 would be sent ($0); it stops once it is settled, after one of 2 looks"
    )
    left = estimate(plan, ITEMS, tmp_path / "ledger", frozenset({1}))
    assert (left.requests, left.to_send, left.not_asked) == (66, 66, 54)
    assert summary_line(left).endswith("; settled: 54 more requests are not needed")
    assert left.work == most.work  # an approval is for all of it


def test_a_request_that_an_open_part_shares_with_a_closed_one_is_asked(make):
    plan = make(2)
    twins = [Item("i0", "same?", ("1",)), *(Item(f"j{n}", "same?", ("1",)) for n in range(9))]
    assert {part_of(item.id, 2) for item in twins} == {0, 1}

    class Empty:
        def find(self, keys):
            return {}

    seen: set[str] = set()
    work = remaining(plan, plan["cells"][0], twins, Empty(), set(), seen, frozenset({1}))
    assert (work.requests, len(work), work.not_asked, len(seen)) == (1, 1, 0, 1)


def test_items_that_are_not_asked_are_not_missing(make, tmp_path):
    plan = make(2)
    assert [row.missing for row in status(plan, ITEMS, Path())] == [60, 60]
    write_decision(plan, 1, 1)
    assert [row.missing for row in status(plan, ITEMS, Path())] == [33, 33]


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        ({}, "analysis.stopping: anytime stops when the primary contrasts are settled, and there"),
        (
            {"primary": PRIMARY | {"scope": "these items"}},
            'analysis.primary.scope: "these items" cannot be watched while the data come',
        ),
        (
            {"primary": [PRIMARY, PRIMARY | {"name": "x", "scope": "these items"}]},
            'analysis.primary[1].scope: "these items" cannot be watched',
        ),
        ({"primary": PRIMARY, "looks": 1}, "analysis.looks"),
        ({"primary": PRIMARY, "stopping": "always"}, "analysis.stopping"),
    ],
)
def test_a_study_that_cannot_be_watched_is_refused(root, analysis, message):
    refusal = root.refusal(analysis={"stopping": "anytime"} | analysis)
    assert f"config/studies/s.yaml: {message}" in refusal


def test_another_number_of_looks_or_none_makes_the_requests_again(make, root):
    cell = make(2)["cells"][0]
    texts = {
        targets.cell_version(plan, cell["trial"], cell["condition"]).text
        for plan in (make(2), make(4), root.plan(models=["strong"]))
    }
    assert len(texts) == 3


def test_the_version_of_the_looks_follows_the_analysis_and_the_kind_of_report(make, root):
    def version(plan, partial=False):
        return targets.stage_version(plan, "looks", partial=partial).text

    plan = make(2)
    assert version(plan) == version(make(2)) != version(plan, partial=True)
    other = {"primary": PRIMARY | {"margin": 0.1}, "stopping": "anytime", "looks": 2}
    assert version(make(analysis=other)) != version(plan)
    stages = [one.path for one in targets.versions(plan, partial=False)]
    assert "results/s/versions/looks" in stages
    assert "results/s/versions/looks" not in [
        one.path for one in targets.versions(root.plan(), partial=False)
    ]


def test_a_part_knows_its_look_by_its_number(make):
    plan = make(5, 12)
    assert len(plan["parts"]) == 15
    found = [looks.look_of_part(plan, part_index(part)[0]) for part in plan["parts"]]
    assert found == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
