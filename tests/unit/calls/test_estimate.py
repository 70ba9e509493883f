"""What is still to be sent and what it would cost: against the ledger, priced without litellm."""

import json
import os
import subprocess
import sys

import pytest

from splitplot.calls import estimate as module
from splitplot.calls.estimate import dollars, present_items, preview, summary_line
from splitplot.canonical import digest
from splitplot.items import load_items, write_items
from splitplot.targets import stage_version


def test_every_request_is_to_be_sent_before_the_first_answer(case):
    total = case.estimate(case.plan())
    assert (total.requests, total.in_ledger, total.gaps, total.to_send) == (20, 0, 0, 20)


def test_answers_in_the_ledger_are_not_sent_again_and_failures_only_by_refill(case):
    plan = case.plan()
    case.answer(plan, 7)
    case.answer(plan, 9, outcome="error")  # the first seven of these have their answer already
    total = case.estimate(plan)
    assert (total.requests, total.in_ledger, total.gaps, total.to_send) == (20, 7, 2, 11)
    assert [cell.to_send for cell in total.cells] == [1, 10]


def test_the_ceiling_is_the_bytes_sent_and_the_token_limit_at_the_given_price(case):
    # by hand: a token is at least a byte; 16 a message and 512 more for the chat template
    plan = case.plan()
    tokens_in = sum(
        512 + sum(len(message["content"].encode()) + len("user") + 16 for message in messages)
        for messages in (request.body["messages"] for _, request in case.requests(plan))
    )
    total = case.estimate(plan)
    assert total.usd_ceiling == pytest.approx((tokens_in * 1000 + 20 * 100 * 2000) / 1e6)
    assert 0 < total.usd_expected < total.usd_ceiling
    assert sum(cell.tokens_out_ceiling for cell in total.cells) == 2000


@pytest.mark.parametrize("limit", [1, 16, 4096])
def test_the_expectation_never_exceeds_the_ceiling(case, limit):
    plan = case.plan(sampling=[{"name": "low", "max_tokens": limit}], models=["paid", "mini"])
    case.answer(plan, 3, tokens=9999)  # longer than the limit allows, as some providers count
    for cell in case.estimate(plan).cells:
        assert cell.usd_expected <= cell.usd_ceiling
        assert cell.tokens_out_expected <= cell.tokens_out_ceiling


def test_expected_length_is_half_the_limit_until_answers_teach_better(case):
    plan = case.plan()
    assert case.estimate(plan).cells[0].tokens_out_expected == 10 * 50
    case.answer(plan, 4, tokens=10)
    first, second = case.estimate(plan).cells
    assert first.tokens_out_expected == 6 * 10
    assert second.tokens_out_expected == 10 * 50  # another prompt may have another length


def test_a_request_that_two_cells_share_is_counted_once(case):
    case.write("prompts/b.md", "{{ input }}{{ '' }}\n")  # another template, the same messages
    total = case.estimate(case.plan())
    assert (total.requests, [cell.requests for cell in total.cells]) == (10, [10, 0])


def test_a_listed_price_is_the_tables_without_importing_litellm(case):
    plan = case.plan(models=["mini"])
    code = (
        "import json, sys; from pathlib import Path; from splitplot.design import make_plan; "
        "from splitplot.calls.estimate import estimate, present_items; "
        "plan = make_plan(Path('config/studies/s.yaml'), Path.cwd()); "
        "total = estimate(plan, present_items(plan, Path.cwd()), Path('results/ledger')); "
        "heavy = {'litellm', 'pandas', 'aiohttp', 'scipy', 'matplotlib'} & set(sys.modules); "
        "print(json.dumps([total.usd_ceiling, total.cells[0].price_source, sorted(heavy)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=case.path, capture_output=True, text=True, check=True
    )
    usd, source, heavy = json.loads(done.stdout)
    assert heavy == []
    assert "gpt-4o-mini" in source
    # OpenAI's list price of gpt-4o-mini since July 2024: $0.15 and $0.60 per million tokens
    tokens_in = sum(
        512 + sum(len(message["content"].encode()) + len("user") + 16 for message in messages)
        for messages in (request.body["messages"] for _, request in case.requests(plan))
    )
    assert usd == pytest.approx((tokens_in * 0.15 + 2000 * 0.60) / 1e6)


def test_a_price_in_models_yaml_overrides_the_table(case):
    listed = case.estimate(case.plan(models=["mini"])).usd_ceiling
    models = (case.path / "config/models.yaml").read_text()
    case.write(
        "config/models.yaml",
        models.replace(
            "mini: {model: openai/gpt-4o-mini}",
            "mini: {model: openai/gpt-4o-mini, price: {usd_per_million_input_tokens: 1.5, "
            "usd_per_million_output_tokens: 6}}",
        ),
    )
    total = case.estimate(case.plan(models=["mini"]))
    assert total.usd_ceiling == pytest.approx(10 * listed)
    assert total.cells[0].price_source == "config/models.yaml"


def test_a_model_without_a_price_is_named_and_has_no_dollars(case):
    total = case.estimate(case.plan(models=["unknown"]))
    assert total.unpriced == ["unknown"]
    assert total.cells[0].usd_ceiling is None
    assert "no price is known for unknown" in summary_line(total)


def test_without_a_token_limit_and_a_known_one_there_is_no_ceiling(case):
    total = case.estimate(case.plan(sampling=[{"name": "low", "temperature": 0}]))
    assert total.cells[0].tokens_out_ceiling is None
    assert total.unpriced == ["paid"]


def test_simulated_answers_are_free(case):
    total = case.estimate(case.plan(models=["robot"]))
    assert (total.usd_ceiling, total.unpriced) == (0, [])
    assert "20 would be sent ($0)" in summary_line(total)


def test_an_estimate_survives_its_json(case):
    total = case.estimate(case.plan())
    value = json.loads(json.dumps(total.to_json()))
    assert type(total).from_json(value) == total


def test_the_work_is_the_set_of_requests_answered_or_not(case):
    plan = case.plan()
    work = case.estimate(plan).work
    assert work == digest(sorted({request.key for _, request in case.requests(plan)}))
    case.answer(plan, 5)
    assert case.estimate(plan).work == work
    case.items(range(6))
    assert case.estimate(case.plan()).work != work


def make_items(case, plan):
    """What a run leaves: the version of the items, then the table."""
    version = stage_version(plan, "items", partial=False, root=case.path)
    case.write(version.path, version.text)
    items, _ = load_items(plan["items"], root=case.path, limit=plan["item_limit"])
    write_items(case.path / "results/s/items.parquet", items)


def test_items_are_read_from_the_results_when_their_file_is_the_same(case, monkeypatch):
    plan = case.plan()
    make_items(case, plan)
    os.utime(case.path / "data/items.jsonl")
    monkeypatch.setattr(module, "load_items", None)
    assert len(present_items(plan, case.path)) == 5


def test_an_edited_data_file_is_counted_though_its_date_is_an_old_one(case):
    plan = case.plan()
    make_items(case, plan)
    source = case.path / "data/items.jsonl"
    old = (case.path / "results/s/items.parquet").stat().st_mtime - 10
    case.items(range(9))
    os.utime(source, (old, old))
    assert len(present_items(plan, case.path)) == 9


def test_an_edited_data_file_is_counted_though_older_results_are_there(case):
    plan = case.plan()
    make_items(case, plan)
    source = case.path / "data/items.jsonl"
    case.items(range(9))
    new = (case.path / "results/s/items.parquet").stat().st_mtime + 10
    os.utime(source, (new, new))
    assert len(present_items(plan, case.path)) == 9
    assert "36 requests" in preview(plan, case.path)


def test_a_preview_fetches_nothing_and_writes_nothing(case):
    before = sorted(case.path.rglob("*"))
    plan = case.plan(items=[{"hf": "org/name", "map": {"input": "q", "target": "a"}}])
    after_plan = sorted(case.path.rglob("*"))
    assert "once its items are fetched" in preview(plan, case.path)
    assert "20 requests" in preview(case.plan(), case.path)
    assert set(after_plan) - set(before) <= {
        case.path / "config/studies",
        case.path / "config/studies/s.yaml",
    }
    assert sorted(case.path.rglob("*")) == after_plan


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (0.000424, "$0.00042"),
        (0.094, "$0.094"),
        (0.5, "$0.50"),
        (2, "$2.00"),
        (1234.567, "$1,234.57"),
    ],
)
def test_small_amounts_are_never_shown_as_nothing(amount, text):
    assert dollars(amount) == text
