"""What a job imports: one that moves JSON must not import pandas, statsmodels or litellm.

Every script of the path runs once, in a process of its own, on a small study that the simulator answers.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from splitplot import paths

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"

NEEDLESS = {
    "aiohttp",
    "datasets",
    "litellm",
    "matplotlib",
    "pandas",
    "reasoning_gym",
    "snakemake",
    "statsmodels",
    "sympy",
    "xllamacpp",
}
"""What no job of a simulated study needs. Loading takes from 0.2 s (aiohttp) to 2 s (litellm)."""

LIGHT = {"numpy", "pydantic", "pyarrow", "scipy", "yaml"}

STEPS = [
    ("load_items", {"pyarrow", "numpy"}),
    ("build_requests", {"pyarrow", "numpy"}),
    ("estimate_study", {"pyarrow", "numpy", "pydantic", "yaml"}),
    ("submit_batch", set()),
    ("poll_batch", set()),
    ("answer_requests", {"pyarrow", "numpy"}),
    ("generate_answers", set()),
    ("collect_responses", set()),
    ("score_cell", {"pyarrow", "numpy"}),
    ("decide_look", {"pyarrow", "numpy", "scipy"}),
    ("join_scores", {"pyarrow", "numpy"}),
    ("export_csv", {"pyarrow", "numpy"}),
    ("sum_costs", set()),
    ("infer", {"pyarrow", "numpy", "scipy"}),
    ("write_report", {"pyarrow", "numpy", "yaml"}),
    ("rehearse", {"pyarrow", "numpy", "scipy", "pydantic", "yaml"}),
]
"""The scripts in the order of the path, each with what it may load of LIGHT."""

PER_CELL = {"build_requests", "submit_batch", "poll_batch", "answer_requests", "score_cell"}

CELL = f"--plan {paths.PLAN} --items {paths.ITEMS} --trial {{trial}} --condition {{condition}}"
PART = f"{CELL} --part {{part}} --folder {paths.PART}"
ARGUMENTS = {
    "load_items": f"--plan {paths.PLAN} --items {paths.ITEMS} --provenance {paths.PROVENANCE}",
    "build_requests": PART,
    "estimate_study": f"--plan {paths.PLAN} --items {paths.ITEMS} --ledger {paths.LEDGER}"
    f" --output {paths.ESTIMATE}",
    "submit_batch": f"{PART} --ledger {paths.LEDGER}",
    "poll_batch": f"{PART} --ledger {paths.LEDGER}",
    "answer_requests": f"{PART} --ledger {paths.LEDGER}",
    "generate_answers": f"--plan {paths.PLAN} --calls {paths.CALLS} --trial {{trial}} --part {{part}}"
    f" --ledger {paths.LEDGER} --output {paths.GENERATED}",
    "collect_responses": f"--plan {paths.PLAN} --trial {{trial}} --requests {paths.REQUESTS}"
    f" --ledger {paths.LEDGER} --output {paths.RESPONSES_SO_FAR}",
    "score_cell": f"{CELL} --calls {paths.CALLS} --output {paths.SCORES}",
    "decide_look": f"--plan {paths.PLAN} --look 1 --ledger {paths.LEDGER}"
    f" --output {paths.LOOK.replace('{look}', '1')}",
    "join_scores": f"--plan {paths.PLAN} --scores {paths.STUDY}/scores --output {paths.TABLE}",
    "export_csv": f"--table {paths.TABLE} --output {paths.TABLE_CSV}",
    "sum_costs": f"--plan {paths.PLAN} --calls {paths.CALLS} --output {paths.COSTS}",
    "infer": f"--plan {paths.PLAN} --table {paths.TABLE} --items {paths.ITEMS}"
    f" --ledger {paths.LEDGER} --output {paths.INFERENCE}",
    "write_report": f"--plan {paths.PLAN} --inference {paths.INFERENCE} --costs {paths.COSTS}"
    f" --table {paths.TABLE} --items {paths.ITEMS} --provenance {paths.PROVENANCE}"
    f" --folder {paths.STUDY}",
    "rehearse": f"--plan {paths.PLAN} --items {paths.ITEMS} --ledger {paths.LEDGER}"
    f" --html {paths.REHEARSAL} --json {paths.REHEARSAL_JSON}",
}

WATCHED = """
import atexit, json, runpy, sys
def tell():
    tops = sorted({name.partition(".")[0] for name in sys.modules})
    open("imported.json", "w").write(json.dumps(tops))
atexit.register(tell)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def imported(shared_root):
    """{script: top-level modules that it has loaded when it ends}."""
    shared_root.write(
        "data/items.jsonl",
        "".join(json.dumps({"id": str(n), "input": f"{n}?", "target": n}) + "\n" for n in range(8)),
    )
    contrast = {"contrast": ["condition", "direct", "steps"], "margin": 0.1}
    plan = shared_root.plan(
        models=["strong"], scorers=["numeric"], replications=2, analysis={"primary": contrast}
    )
    for trial in plan["trials"]:  # parts too small for a batch: they are looked at, and left
        trial["batch"] = {
            "protocol": "openai",
            "base_url": "http://127.0.0.1:9",
            "at_least": 500,
        }
    shared_root.write(paths.PLAN.format(study="s"), json.dumps(plan))
    return {name: _run(name, shared_root.path, plan) for name, _ in STEPS}


def _run(script, folder, plan):
    loaded = set()
    if script == "decide_look":  # of a study with one look: all scores are those of the first
        shutil.copytree(folder / "results/s/scores", folder / "results/s/looks/1")
    cells = plan["cells"] if script in PER_CELL else plan["cells"][:1]
    for cell in cells:
        words = [
            word.format(study="s", part="0-of-1", **cell) for word in ARGUMENTS[script].split()
        ]
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, str(SCRIPTS / f"{script}.py"), *words],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        loaded |= set(json.loads((folder / "imported.json").read_text()))
    return loaded


@pytest.mark.parametrize(("script", "allowed"), STEPS)
def test_a_job_loads_nothing_heavy_that_it_does_not_need(imported, script, allowed):
    loaded = imported[script]
    assert "splitplot" in loaded
    needless = NEEDLESS - {"matplotlib"} if script == "write_report" else NEEDLESS
    assert loaded & needless == set()
    assert loaded & LIGHT <= allowed


def test_every_script_is_watched():
    assert {name for name, _ in STEPS} == {path.stem for path in SCRIPTS.glob("*.py")}


def test_a_cell_scored_by_reasoning_gym_does_without_pandas_and_statsmodels(tmp_path):
    # pyarrow and matplotlib, which the package brings, would both take pandas along
    program = (
        "import sys; from splitplot.door import open_door\n"
        "def main():\n"
        "    from splitplot.items.reasoning_gym import verify\n"
        "    entry = {'question': '1 + 1', 'answer': '2', 'metadata': {}}\n"
        "    assert verify('2', {'task': 'chain_sum', 'entry': entry}) == 1.0\n"
        "    print(sorted({'pandas', 'statsmodels', 'litellm'} & set(sys.modules)))\n"
        "open_door(main)\n"
    )
    assert _output(program, tmp_path) == "[]\n"


def test_reading_the_snakefile_loads_no_table_and_no_model():
    program = (
        "import sys; from pathlib import Path\n"
        "from splitplot import paths, targets\n"
        "from splitplot.design import item_files, make_plan\n"
        "from splitplot.workspace import find_study\n"
        "plan = make_plan(find_study('demo', Path()), Path())\n"
        "targets.versions(plan, partial=True), targets.stage_files(plan, partial=False)\n"
        f"heavy = {NEEDLESS | {'numpy', 'pyarrow', 'scipy'}!r}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    assert _output(program, REPOSITORY) == "[]\n"


def _output(program, folder):
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout
