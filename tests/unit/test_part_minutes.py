"""`execution.part_minutes`: as many parts as let a job of a local model take so long."""

import pytest

SPEED = """
models:
  tiny:
    model: local/tiny
    weights: {path: tiny.gguf}
    sha256: "%s"
    speed: {answers_per_minute: 30}
  slow:
    model: local/slow
    weights: {path: slow.gguf}
    sha256: "%s"
    speed: {answers_per_minute: 10}
  unmeasured:
    model: local/unmeasured
    weights: {path: other.gguf}
    sha256: "%s"
  strong: {model: sim/strong, sim: {seed: 1}}
""" % ("ab" * 32, "cd" * 32, "ef" * 32)  # noqa: UP031
ITEMS = [{"path": "data/items.jsonl", "limit": 300}]


@pytest.fixture
def paced(root):
    root.write("config/models.yaml", SPEED)
    return root


def parts(root, **changes):
    changes = {"items": ITEMS, "execution": {"part_minutes": 10}} | changes
    return len(root.plan(**changes)["parts"])


def test_the_slowest_local_model_decides(paced):
    # 300 items × 2 conditions at 30 a minute: 20 minutes; at 10 a minute: 60
    assert parts(paced) == 2
    assert parts(paced, replications=3) == 6
    assert parts(paced, models=["tiny", "slow", "strong"]) == 6


def test_a_part_is_never_longer_than_asked(paced):
    assert parts(paced, execution={"part_minutes": 19}) == 2
    assert parts(paced, execution={"part_minutes": 20}) == 1
    assert parts(paced, execution={"part_minutes": 60}) == 1


def test_there_are_never_more_parts_than_items(paced):
    # 4 items × 2 conditions × 100 replications at 10 a minute: 80 minutes, 20 an item
    few = {"models": ["slow"], "items": [{"path": "data/items.jsonl", "limit": 4}]}
    assert parts(paced, **few, replications=100, execution={"part_minutes": 5}) == 4
    assert parts(paced, **few, replications=100, execution={"part_minutes": 40}) == 2


def test_a_job_that_its_time_limit_would_end_is_refused_with_both_ways_out(paced):
    text = SPEED.replace("{answers_per_minute: 10}", "{answers_per_minute: 10, start_seconds: 150}")
    paced.write("config/models.yaml", text)
    both = {"items": ITEMS, "models": ["tiny", "slow"]}
    assert parts(paced, models=["tiny", "slow"], execution={"part_minutes": 57}) == 2
    message = paced.refusal(**both, execution={"part_minutes": 58})
    assert "execution.part_minutes: 58: with the start of slow a job of it may take 61" in message
    assert "its time limit is 60; write `resources: {runtime_minutes: 61}` or more" in message
    assert message.endswith("or part_minutes: 57 at most")
    longer = text.replace(
        "start_seconds: 150}", "start_seconds: 150}\n    resources: {runtime_minutes: 61}"
    )
    paced.write("config/models.yaml", longer)
    assert parts(paced, models=["tiny", "slow"], execution={"part_minutes": 58}) == 2


def test_of_an_item_that_takes_longer_than_the_time_limit_only_that_can_be_changed(paced):
    # 2 conditions × 400 replications at 10 a minute: 80 minutes an item
    message = paced.refusal(
        models=["slow"], items=ITEMS, replications=400, execution={"part_minutes": 30}
    )
    assert "may take 80 minutes" in message and "{runtime_minutes: 80}" in message
    assert "at most" not in message


def test_under_policy_dev_its_items_count(paced):
    assert parts(paced, budget={"policy": "dev", "dev_items": 30}) == 1
    assert parts(paced, items=[{"path": "data/items.jsonl"}], budget={"policy": "dev"}) == 1


def test_a_study_that_may_stop_early_gets_a_multiple_of_its_looks(paced):
    primary = {"contrast": ["condition", "direct", "steps"], "margin": 0.1}
    analysis = {"primary": primary, "stopping": "anytime", "looks": 4}
    assert parts(paced, replications=3, analysis=analysis) == 8


def test_what_decides_stands_in_the_plan_and_other_plans_stay_as_they_were(paced):
    execution = paced.plan(items=ITEMS, execution={"part_minutes": 10})["execution"]
    assert (execution["parts"], execution["part_minutes"]) == (2, 10)
    assert "part_minutes" not in paced.plan(execution={"parts": 3})["execution"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["unmeasured"]}, "how fast unmeasured answers is not known"),
        ({"models": ["strong"]}, "this study has none; write `execution.parts` instead"),
        ({"items": [{"path": "data/items.jsonl"}]}, "how many items items[0] has is not known"),
        ({"execution": {"part_minutes": 10, "parts": 2}}, "give parts or part_minutes, not both"),
        (
            {
                "items": [{"path": "data/items.jsonl", "limit": 3000}],
                "replications": 90,
                "execution": {"part_minutes": 1},
            },
            "that makes 3,000 parts, and 999 are the most; allow at least 19 minutes",
        ),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_the_way_out(paced, changes, message):
    refusal = paced.refusal(**{"items": ITEMS, "execution": {"part_minutes": 10}} | changes)
    assert message in refusal and "part_minutes" in refusal
