"""What is still to be sent and what it would cost: against the ledger, priced without litellm."""

import json
import os
import subprocess
import sys

import pytest

from splitplot.calls import estimate as module
from splitplot.calls.batch.store import Store
from splitplot.calls.estimate import present_items, preview, summary_line
from splitplot.calls.ledger import LedgerWriter
from splitplot.calls.records import Response, Usage
from splitplot.calls.requests import cell_of, cell_requests
from splitplot.calls.tokens import expected, upper_bound
from splitplot.canonical import digest
from splitplot.items import load_items, write_items
from splitplot.items.item import part_of
from splitplot.targets import stage_version
from splitplot.text import dollars


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
    first = case.estimate(plan).cells[0]
    assert (first.tokens_out_expected, first.n_learned, first.learned_from) == (10 * 50, 0, None)
    case.answer(plan, 4, tokens=10)
    first, second = case.estimate(plan).cells
    assert (first.tokens_out_expected, first.n_learned, first.learned_from) == (6 * 10, 4, "cell")
    # the answers of the trial's other conditions are the best there is for the second
    assert (second.tokens_out_expected, second.n_learned) == (10 * 10, 4)
    assert second.learned_from == "trial"
    case.answer(plan, 12, tokens=30)  # two of them the second cell's own
    second = case.estimate(plan).cells[1]
    assert (second.tokens_out_expected, second.n_learned) == (8 * 30, 2)


def test_answers_to_other_requests_of_the_trial_teach_where_there_are_no_others(case):
    case.answer(case.plan(), 20, tokens=10)
    case.items(range(100, 105))
    total = case.estimate(case.plan())
    assert [cell.tokens_out_expected for cell in total.cells] == [100, 100]
    assert [(cell.n_learned, cell.learned_from) for cell in total.cells] == [(20, "trial")] * 2


def test_input_reasoning_and_cached_tokens_are_learned_too(case):
    plan = case.plan(models=["reasoner"])
    (trial,) = plan["trials"]
    every = [request for _, request in case.requests(plan)]
    counted = [3 * expected(request.body) for request in every]
    with LedgerWriter(case.ledger, trial["hash"], {}) as writer:
        for request, tokens in list(zip(every, counted, strict=True))[:4]:
            usage = Usage(tokens, 40, reasoning_tokens=30, cached_tokens=tokens // 4)
            writer.response(Response(request.key, "ok", usage=usage, study="s"))
    first = case.estimate(plan).cells[0]
    assert first.tokens_in == sum(counted[4:10])
    assert first.tokens_out_expected == 6 * 40
    # by hand: $8 in, $2 cached, $80 out a million; a quarter of the input came from the cache
    cached = sum(counted[:4]) and sum(tokens // 4 for tokens in counted[:4]) / sum(counted[:4])
    by_hand = sum(
        (tokens - round(cached * tokens)) * 8e-6 + round(cached * tokens) * 2e-6
        for tokens in counted[4:10]
    )
    assert first.usd_expected == pytest.approx(by_hand + 6 * 40 * 80e-6)


def test_an_expected_input_never_exceeds_what_can_be_sent(case):
    plan = case.plan()
    (trial,) = plan["trials"]
    with LedgerWriter(case.ledger, trial["hash"], {}) as writer:
        request = next(request for _, request in case.requests(plan))
        usage = Usage(10**6, 5)  # a provider that counts what we did not send
        writer.response(Response(request.key, "ok", usage=usage, study="s"))
    first = case.estimate(plan).cells[0]
    bound = [upper_bound(request.body) for _, request in case.requests(plan)]
    assert first.tokens_in == sum(bound[1:10])


BATCHED = {"models": ["mini"], "replications": 2}


def by_parts(case, plan):
    """By cell: part number → its keys, as the stage that sends sees them."""
    found = []
    items = present_items(plan, case.path)
    for cell in plan["cells"]:
        trial, arm, replications = cell_of(plan, cell["trial"], cell["condition"])
        parts = {}
        for request, item, _ in cell_requests(trial, arm, replications, items):
            parts.setdefault(part_of(item.id, len(plan["parts"])), []).append(request.key)
        found.append(parts)
    return found


def open_batch(case, plan, keys, study="s"):
    """An open batch of a study's first trial, as the job that makes it leaves it."""
    trial = plan["trials"][0]
    batch = Store(case.ledger).draft("openai--1", trial["hash"], keys)
    intent = {"at": "2026-11-21T10:00:00+00:00", "trial": trial["hash"], "study": study}
    batch.write("intent", intent | {"count": len(keys)})
    return batch


@pytest.mark.parametrize("at_least", range(1, 12))
def test_a_part_goes_by_batch_exactly_when_it_has_enough_to_send(case, at_least):
    execution = {"parts": 3, "batch_at_least": at_least}
    plan = case.plan(**BATCHED, execution=execution)
    case.answer(plan, 3)
    keys = [request.key for _, request in case.requests(plan)]
    batch_keys = set(keys[4:6])
    open_batch(case, plan, batch_keys)
    gone = {*keys[:3], *batch_keys}
    expected_cells = []
    for parts in by_parts(case, plan):
        free = [len([key for key in part if key not in gone]) for part in parts.values()]
        large = [count for count in free if count and count >= at_least]
        expected_cells.append((len(large), sum(large), sum(free)))
    total = case.estimate(plan)
    assert [(c.batches, c.batch_requests, c.to_send) for c in total.cells] == expected_cells
    for cell in total.cells:
        mixed = 0 < cell.batch_requests < cell.to_send
        one = "batch" if cell.batch_requests else "realtime"
        assert cell.route == ("batch + realtime" if mixed else one)
    assert (total.in_flight, total.in_ledger, total.to_send) == (2, 3, 15)


def test_what_goes_by_batch_is_half_the_price_and_said_in_the_line(case):
    realtime = case.estimate(case.plan(**BATCHED))
    assert (realtime.batches, realtime.batch_requests) == (0, 0)  # 500 are not reached
    total = case.estimate(case.plan(**BATCHED, execution={"batch_at_least": 1}))
    # the table has batch prices of gpt-4o-mini: half, which the ceiling may count on, too
    assert total.usd_ceiling == pytest.approx(realtime.usd_ceiling / 2)
    assert total.usd_expected == pytest.approx(realtime.usd_expected / 2)
    assert total.usd_saved == pytest.approx(realtime.usd_expected / 2)
    assert "20 would be sent, all in 2 batches at half price (at most $" in summary_line(total)
    mixed = case.estimate(case.plan(**BATCHED, execution={"parts": 3, "batch_at_least": 5}))
    line = summary_line(mixed)
    assert f"of them {mixed.batch_requests} in {mixed.batches} batches at half price" in line


def test_a_cap_and_an_approval_do_not_rest_on_a_discount_that_is_only_documented(case):
    plan = case.plan(models=["mistral/mistral-large-latest"], execution={"route": "batch"})
    full = case.estimate(case.plan(models=["mistral/mistral-large-latest"]))
    total = case.estimate(plan)
    assert total.usd_expected == pytest.approx(full.usd_expected / 2)
    assert total.usd_ceiling == pytest.approx(full.usd_ceiling)
    assert "by batch 50% less, as mistral documents" in total.cells[0].price_source


def test_a_rescue_may_cost_the_full_price(case):
    plain = case.estimate(case.plan(**BATCHED))
    execution = {"batch_at_least": 1, "rescue": "realtime"}
    total = case.estimate(case.plan(**BATCHED, execution=execution))
    assert total.usd_ceiling == pytest.approx(plain.usd_ceiling)
    assert total.usd_expected == pytest.approx(plain.usd_expected / 2)


def test_what_is_in_an_open_batch_is_neither_sent_nor_priced_again(case):
    plan = case.plan(**BATCHED, execution={"batch_at_least": 1})
    keys = [request.key for _, request in case.requests(plan)]
    open_batch(case, plan, keys, study="another")
    total = case.estimate(plan)
    assert (total.in_flight, total.to_send, total.usd_ceiling) == (20, 0, 0)
    assert "20 are in open batches, 0 would be sent ($0)" in summary_line(total)


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


def test_what_is_asked_of_gpus_is_said_with_where_it_comes_from(case):
    total = case.estimate(case.plan(models=["robot"]))
    assert "GPU" not in summary_line(total)
    total.gpu_jobs, total.gpu_hours_at_most = 8, 32.0
    end = "; 8 jobs on GPUs, at most 32 GPU-hours by config/models.yaml"
    assert summary_line(total).endswith(end)
    total.gpu_hours_expected = 3.14
    assert summary_line(total).endswith(f"{end}, about 3.14 expected")
    total.gpu_hours_expected = 40.0
    assert summary_line(total).endswith(f"{end}, about 40 expected: more than one try each")


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


@pytest.mark.parametrize("count", [0, 1, module.WRITTEN_AT_A_TIME, module.WRITTEN_AT_A_TIME + 2])
def test_the_work_of_many_keys_is_the_digest_of_their_list(count):
    keys = [digest(number, 32) for number in range(count)]
    joined = bytearray(b"".join(map(bytes.fromhex, keys)))
    assert module._digest_of(joined) == digest(sorted(keys))


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
