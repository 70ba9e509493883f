"""Caps hold to the request, by the providers' own count, over concurrent jobs and over both routes.

Where `usage` of the server is "max", every answer by batch costs its worst case: all of `max_tokens`,
four, at half of 1000 USD per million tokens. So do those in real time, in which four words come.
Input is free.
"""

import json
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from splitplot import paths

pytestmark = pytest.mark.slow

REALTIME, BATCH = 0.004, 0.002
PRICES = {"input": 0, "output": 500}
ITEMS, PARTS = 40, 4
NOWHERE = {"batch": "http://127.0.0.1:8/v1", "realtime": "http://127.0.0.1:9/v1"}
ONE_AFTER_ANOTHER = """
for script in $STEPS; do
    "$PYTHON" "$SCRIPTS/$script.py" "$@" || exit
done
"""


def study(lab, batches, server=None):
    """One trial by batch and one in real time, four parts each, 40 requests each."""
    lab.ask("m", batches, server)
    del lab.study["models"]
    lab.workspace.items = [
        {"id": f"i{n}", "input": f"What is {n} + 2?", "target": n + 2} for n in range(ITEMS)
    ]
    lab.study["sampling"] = [
        {"name": "batch", "max_tokens": 4},
        {"name": "realtime", "max_tokens": 4, "seed": 1},
    ]
    lab.study["trials"] = [
        {"model": "m", "sampling": "batch", "route": "batch"},
        {"model": "m", "sampling": "realtime", "route": "realtime"},
    ]
    lab.study["execution"] |= {"parts": PARTS, "max_concurrent_batches": 3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, new_lab):
    """The results of a study whose requests are made and not sent."""
    lab = new_lab(tmp_path_factory.mktemp("prepared"))
    study(lab, SimpleNamespace(provider="openai", base_url=NOWHERE["batch"]))
    lab.run(*(path.replace("responses", "requests") for path in lab.targets()))
    return lab.root / "results"


@pytest.fixture
def jobs(lab, prepared, batch_server, server):
    """jobs(*trials, settings of the server, **budget): run all jobs of these trials at once.

    Returns what the providers have counted: {"batch": answers, "realtime": answers, "usd", "tokens"}.
    jobs(*trials) runs them once more, after the first time.
    """
    path = lab.root / "results/s/plan.json"

    def prepare(settings, budget):
        shutil.copytree(prepared, lab.root / "results")
        batches = batch_server("openai", prices=PRICES, run_s=0.4, **settings)
        text = path.read_text().replace(NOWHERE["batch"], batches.base_url)
        plan = json.loads(text.replace(NOWHERE["realtime"], f"{server.url}/v1"))
        plan["budget"] |= budget
        path.write_text(json.dumps(plan))
        return batches

    batches = None

    def run(*trials, settings=None, **budget):
        nonlocal batches
        batches = batches or prepare(settings, budget)
        running = [
            start(lab, trial, path.parent)
            for path in sorted((lab.root / "results/s/calls").glob("*/*/*/requests.jsonl"))
            if (trial := path.parts[-4].partition("--")[0].removeprefix("m-")) in trials
        ]
        assert len(running) == PARTS * len(trials)
        for process in running:
            output, _ = process.communicate(timeout=100)
            assert process.returncode == 0, output
        return counted(batches, server)

    return run


def start(lab, trial, folder):
    """The jobs of one part, one after another, as the workflow would start them."""
    steps = "answer_requests" if trial == "realtime" else "submit_batch poll_batch answer_requests"
    more = {"PYTHON": sys.executable, "SCRIPTS": str(paths.REPOSITORY / "scripts"), "STEPS": steps}
    names = dict(zip(("--trial", "--condition", "--part"), folder.parts[-3:], strict=True))
    names |= {"--plan": "results/s/plan.json", "--items": "results/s/items.parquet"}
    names |= {"--folder": str(folder), "--ledger": "results/ledger"}
    return subprocess.Popen(
        [
            "bash",
            "-c",
            ONE_AFTER_ANOTHER,
            "job",
            *(word for pair in names.items() for word in pair),
        ],
        cwd=lab.root,
        env=os.environ | more | {"LAB_KEY": lab.KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def counted(batches, server):
    """What the providers have counted; nothing twice."""
    stats, realtime = batches.stats(), server.stats()
    assert stats["billed"] == stats["billed_keys"]
    assert not realtime["completed_more_than_once"]
    return {
        "batch": stats["billed"],
        "realtime": realtime["completed"],
        "usd": stats["usd"] + REALTIME * realtime["completed"],
        "tokens": sum(b["input_tokens"] + b["output_tokens"] for b in stats["batches"]),
    }


@pytest.mark.parametrize(
    ("cap", "amount", "fits"),
    [
        ("max_usd", 20.5 * BATCH, 20),
        pytest.param("usd", 21.5 * BATCH, 21, marks=pytest.mark.long),
        ("calls", 21, 21),
    ],
)
def test_eight_jobs_bill_exactly_the_requests_that_a_cap_pays_for(jobs, lab, cap, amount, fits):
    budget = {"max_usd": amount} if cap == "max_usd" else {"quota": {"m": {cap: amount}}}
    count = jobs("batch", settings={"usage": "max"}, **budget)
    assert (count["batch"], count["realtime"]) == (fits, 0)
    assert lab.outcomes() == {"truncated": fits, "over_quota": ITEMS - fits}


@pytest.mark.long
def test_a_quota_of_tokens_is_never_exceeded(jobs, lab):
    quota = 1500
    count = jobs("batch", settings={}, quota={"m": {"tokens": quota}})
    assert 0 < count["tokens"] <= quota
    assert 0 < lab.outcomes()["over_quota"] < ITEMS


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"usage": "max"}, marks=pytest.mark.long),
        pytest.param({"line_errors": 0.3}, marks=pytest.mark.long),
    ],
)
def test_both_routes_at_once_never_exceed_the_cap_and_a_refill_spends_what_they_left(
    jobs, lab, settings
):
    """A batch waits for what others may leave of their worst case, real time not for what a batch may."""
    cap = 0.1
    count = jobs("batch", "realtime", settings=settings, max_usd=cap)
    assert count["usd"] <= cap * (1 + 1e-9)
    assert lab.outcomes()["over_quota"] > 0 and count["batch"]
    assert sum(lab.outcomes().values()) == 2 * ITEMS
    refused = {row["key"] for row in lab.rows() if row["outcome"] == "over_quota"}
    by_batch = (lab.root / "results/s/calls").glob("m-batch*/*/*/requests.jsonl")
    lines = [line for path in by_batch for line in path.read_text().splitlines()]
    asked = {json.loads(line)["custom_id"] for line in lines}
    assert len(asked) == ITEMS
    if asked & refused:
        assert cap - REALTIME < count["usd"]
    else:  # what batches hold at the most is all that real time has gone without
        assert count["realtime"] >= int((cap - ITEMS * BATCH) / REALTIME)
    lab.splitplot("refill", "s")
    more = jobs("batch", "realtime")
    assert cap - REALTIME < more["usd"] <= cap * (1 + 1e-9)


def test_after_raising_a_cap_refill_sends_exactly_the_gaps(lab, batch_server, server):
    batches = batch_server("openai", prices=PRICES, run_s=0.4, usage="max")
    study(lab, batches, server)
    lab.study["execution"]["parts"] = 2
    cap = 30.5 * BATCH
    lab.study["budget"] = {"max_usd": cap, "confirm_above_usd": 1000}
    lab.run("--cores", "8", "all")
    first, rows = counted(batches, server), lab.rows()
    assert cap - REALTIME < first["usd"] <= cap
    gaps = {row["key"] for row in rows if row["outcome"] == "over_quota"}
    assert len(gaps) == 2 * ITEMS - first["batch"] - first["realtime"] > 0
    health = lab.workspace.report()["health"]
    assert sum(row["counts"]["over_quota"] for row in health["outcomes"]) == len(gaps)
    assert "Nothing to be done" in lab.run("all")

    lab.study["budget"] = {"max_usd": 1, "confirm_above_usd": 1000}
    lab.run()  # a higher cap alone sends nothing
    assert counted(batches, server) == first
    assert f"{len(gaps)} gaps are open again" in lab.splitplot("refill", "s")
    lab.run("--cores", "8", *lab.targets())
    last = counted(batches, server)
    assert lab.outcomes() == {"ok": ITEMS, "truncated": ITEMS}
    assert last["batch"] + last["realtime"] == 2 * ITEMS == server.received() + last["batch"]
    spent = json.loads(lab.splitplot("ledger", "s", "--json").strip())
    assert last["usd"] == pytest.approx(ITEMS * (BATCH + REALTIME))
    assert spent["total"]["usd"] == pytest.approx(last["usd"])
