"""Studies whose answer is known, through the whole workflow on simulated answers: the verdict is the right
one, the refusals refuse, and the bytes do not depend on parts or cores. All verdicts in one run."""

import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).resolve().parents[2]
DIRECTIONS = ("BETTER", "BETTER, SIZE OPEN", "WORSE", "WORSE, SIZE OPEN")
MARGIN = 0.05


def sim(**settings):
    return {"route": "sim", "sim": {"seed": 5, **settings}}


def items(number, clusters=None, difficulty=None):
    """Additions; `difficulty` and the cluster go by the item's number."""
    rows = []
    for n in range(number):
        row = {"id": f"i{n:03d}", "input": f"What is {n} + 2?", "target": n + 2}
        if clusters:
            row["cluster"] = f"page {n % clusters}"
        if difficulty:
            row["difficulty"] = difficulty(n)
        rows.append(row)
    return rows


STUDIES = {
    "clear": {"items": items(200), "robots": [sim(condition_effects={"b": 2.0})]},
    "same": {"items": items(400), "robots": [sim()], "replications": 2, "margin": 0.1},
    "small": {
        "items": items(60),
        "robots": [sim(condition_effects={"b": 0.3}, item_condition_sd=0.5)],
        "margin": 0.02,
    },
    "turned": {
        "items": items(150),
        "robots": [sim(condition_effects={"b": 1.5}), sim(condition_effects={"b": -1.5})],
    },
    "four_pages": {"items": items(100, 4), "robots": [sim(condition_effects={"b": 2.0})]},
    "twelve_pages": {"items": items(120, 12), "robots": [sim(condition_effects={"b": 2.0})]},
    "cut_off": {
        "items": items(300),
        "robots": [sim(ability=0.5, rates={"truncated": {"b": 0.3}})],
        "replications": 2,
        "margin": 0.02,
    },
    "identical": {
        "items": items(200, difficulty=lambda n: 60.0 if n % 2 else -60.0),
        "robots": [sim()],
        "replications": 2,
    },
    "all_wrong": {"items": items(120), "robots": [sim(ability=-60.0)], "replications": 2},
    "failed": {
        "items": items(120),
        "robots": [sim(condition_effects={"b": 2.0}, rates={"error": {"b": 0.9}})],
    },
}
PAGES = ("turned", "cut_off", "failed")
"""Studies that get a report too, which is a large part of what a small study costs."""
RICH = {
    "items": [{"path": "data/rich_one.jsonl"}, {"path": "data/rich_two.jsonl"}],
    "models": ["rich-0", "rich-1"],
    "sampling": [{"name": "low", "max_tokens": 50}],
    "conditions": {"a": "prompts/a.md", "b": "prompts/b.md", "c": "prompts/c.md"},
    "replications": 3,
    "scorers": ["numeric"],
    "analysis": {
        "primary": [
            {"contrast": ["model", "rich-1", "rich-0"], "margin": MARGIN, "scope": "prompts"},
            {"name": "in all", "contrast": ["model", "rich-1", "rich-0"], "scope": "datasets"},
        ],
        "random": ["condition"],
    },
}
"""Two data sets, clusters, random prompts, prices, errors, truncation: something for every chapter."""


@pytest.fixture(scope="module")
def known(new_lab, tmp_path_factory):
    """A workspace in which all studies with a known verdict are done."""
    workspace = new_lab(tmp_path_factory.mktemp("known")).workspace
    models = {}
    for name, about in STUDIES.items():
        robots = {f"{name}-{n}": robot for n, robot in enumerate(about["robots"])}
        models |= {robot: {"model": f"sim/{robot}", **entry} for robot, entry in robots.items()}
        margin = about.get("margin", MARGIN)
        study = {
            "study": name,
            "question": "Does B beat A?",
            "items": [{"path": f"data/{name}.jsonl"}],
            "models": list(robots),
            "sampling": [{"name": "low", "max_tokens": 50}],
            "conditions": {"a": "prompts/a.md", "b": "prompts/b.md"},
            "replications": about.get("replications", 1),
            "scorers": ["numeric"],
            "analysis": {"primary": {"contrast": ["condition", "b", "a"], "margin": margin}},
        }
        write(workspace, study, {name: about["items"]})
    wanted = [f"results/{name}/inference.json" for name in STUDIES]
    wanted += [f"results/{name}/report.html" for name in PAGES]
    return done(workspace, models, "clear-0", STUDIES, wanted)


@pytest.fixture(scope="module")
def rich(new_lab, tmp_path_factory):
    """A workspace in which the study with something for every chapter is done in one part and in seven."""
    workspace = new_lab(tmp_path_factory.mktemp("rich")).workspace
    models = {}
    for n in range(2):
        settings = {
            "ability": 0.4 * n,
            "item_condition_sd": 0.6,
            "usd_per_million_output_tokens": 10 + n,
            "rates": {"error": 0.02, "truncated": 0.04, "refused": 0.02},
        }
        models[f"rich-{n}"] = {"model": f"sim/rich-{n}", **sim(**settings)}
    halves = {"rich_one": items(40, 20), "rich_two": items(60, 30)[40:]}
    for name, parts in (("one_part", 1), ("seven_parts", 7)):
        write(workspace, {"study": name, **RICH, "execution": {"parts": parts}}, halves)
    workspace.write("prompts/c.md", "Answer: {{ input }}\n")
    names = ("one_part", "seven_parts")
    return done(workspace, models, "rich-0", names, [f"results/{n}/inference.json" for n in names])


def done(workspace, models, model, names, targets):
    """The workspace after one run of these studies; `model` is that of the study it has anyway."""
    workspace.models = {"models": models}
    workspace.study["models"] = [model]
    workspace.save()
    command = ["snakemake", "--profile", "local", "--cores", "2", *targets]
    run = workspace.start(*command, "--config", f"study={','.join(names)}")
    output, _ = run.communicate(timeout=800)
    assert run.returncode == 0, output
    return workspace


def write(workspace, study, files):
    workspace.write(f"config/studies/{study['study']}.yaml", yaml.safe_dump(study, sort_keys=False))
    for name, rows in files.items():
        workspace.write(f"data/{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def found(known):
    """found(study): its inference.json, and the contrast b − a."""

    def read(name):
        folder = known.root / "results" / name
        summary = json.loads((folder / "inference.json").read_text())
        [contrast] = [entry for entry in summary["contrasts"] if entry["primary"]]
        return summary, contrast

    return read


def shows(path, contrast):
    """Whether a report shows the sentence of a contrast and its verdict."""
    page = solid(unescape(re.sub(r"<[^>]*>", "", path.read_text())))
    return solid(contrast["sentence"]) in page and solid(contrast["verdict"]) in page


def solid(text):
    """Without its spaces: the page breaks sentences where it likes."""
    return "".join(text.split())


def codes(summary):
    return {flag["code"] for flag in summary["flags"]}


@pytest.mark.parametrize("study", PAGES)
def test_the_report_shows_the_verdict_and_its_sentence(known, found, study):
    assert shows(known.root / f"results/{study}/report.html", found(study)[1])


def test_every_report_shows_the_verdict_and_its_sentence(known, found):
    reports = {name: f"results/{name}/report.html" for name in STUDIES}
    known.snakemake(*reports.values(), "--config", f"study={','.join(STUDIES)}")
    for study, path in reports.items():
        assert shows(known.root / path, found(study)[1]), study


def test_a_clear_gap_is_better(found):
    _, contrast = found("clear")
    assert contrast["verdict"] == "BETTER"
    assert contrast["difference"]["low"] > MARGIN
    assert contrast["p_value"] < 0.001
    assert "“b” is better than “a” by" in contrast["sentence"]


def test_arms_of_equal_ability_are_equivalent_within_a_wide_margin(found):
    _, contrast = found("same")
    assert contrast["verdict"] == "EQUIVALENT"
    assert -0.1 < contrast["equivalence"]["low"] < contrast["equivalence"]["high"] < 0.1
    assert "the same within 10.0 points" in contrast["sentence"]


def test_too_small_a_study_is_not_settled_and_says_how_many_items_would_do(found):
    _, contrast = found("small")
    assert contrast["verdict"] == "NOT SETTLED"
    more = int(re.search(r"About ([\d,]+) more items", contrast["sentence"])[1].replace(",", ""))
    needed = contrast["items_needed"] - contrast["n_items"]
    assert needed <= more < 1.1 * needed  # two significant digits, upwards
    assert "few_items" in codes(found("small")[0])


def test_an_effect_that_turns_with_the_model_makes_the_verdict_conditional(found):
    summary, contrast = found("turned")
    [entry] = [e for e in summary["interaction"] if e["contrast"] == contrast["name"]]
    assert (entry["factor"], entry["with"]) == ("condition", "model")
    assert entry["sign_differs"]
    assert entry["conditional"]
    assert entry["joint"]["p_value"] < 0.001
    simple = {row["level"]: row["difference"] for row in entry["simple"]}
    assert simple["turned-0"]["low"] > 0 > simple["turned-1"]["high"]
    assert contrast["conditional"]["on"] == "model"
    assert contrast["verdict"] == "CONDITIONAL"
    assert "depends on the model" in contrast["sentence"]


def test_four_clusters_are_refused_though_the_gap_is_clear(found):
    summary, contrast = found("four_pages")
    assert (summary["n_clusters"], contrast["verdict"]) == (4, "NO VERDICT")
    assert "4 clusters" in contrast["sentence"]


def test_twelve_clusters_get_cr2(found):
    _, contrast = found("twelve_pages")
    assert (contrast["n_clusters"], contrast["verdict"]) == (12, "BETTER")
    assert "CR2" in contrast["difference"]["method"]


def test_a_verdict_that_hangs_on_truncated_answers_says_so(found):
    summary, contrast = found("cut_off")
    assert contrast["verdict"] == "NOT SETTLED"
    assert contrast["difference"]["high"] < 0  # counted as wrong, b is behind
    assert "depends on how answers cut off at the token limit are counted" in contrast["sentence"]
    assert "max_tokens" in contrast["sentence"]
    assert 0.25 < contrast["truncated_share"]["a"] < 0.35  # of arm a of the contrast, condition b
    assert "truncation_gap" in codes(summary)


def test_arms_that_never_differ_are_never_better(found):
    summary, contrast = found("identical")
    assert (contrast["wins"], contrast["losses"], contrast["ties"]) == (0, 0, 200)
    assert contrast["verdict"] in ("EQUIVALENT", "NOT SETTLED")
    assert contrast["difference"]["low"] < 0 < contrast["difference"]["high"]
    [flag] = [flag for flag in summary["flags"] if flag["code"] == "no_discordant"]
    assert flag["message"].startswith("Identical scores on all 200 items")


def test_where_everything_is_wrong_the_floor_is_flagged_and_nobody_wins(found):
    summary, contrast = found("all_wrong")
    assert [row["strict"]["estimate"] for row in summary["conditions"]] == [0.0, 0.0]
    assert contrast["verdict"] not in DIRECTIONS
    assert {"floor", "no_discordant"} <= codes(summary)
    assert contrast["p_value"] == 1.0


def test_an_arm_that_failed_gets_no_verdict_and_the_reason(found):
    _, contrast = found("failed")
    assert contrast["verdict"] == "NO VERDICT"
    assert 0.8 < contrast["lost_share"]["a"] < 1  # of arm a of the contrast, condition b
    assert re.search(
        r"[\d.]+% of the answers of “b” were lost, more than 20%", contrast["sentence"]
    )


@pytest.mark.parametrize(
    ("where", "studies"),
    [("known", len(STUDIES)), ("rich", 2)],
)
def test_no_number_is_missing_and_none_is_nan(where, studies, request):
    def refuse(text):
        raise AssertionError(text)

    root = request.getfixturevalue(where).root
    paths = list((root / "results").glob("*/inference.json"))
    assert len(paths) == studies
    for path in paths:
        json.loads(path.read_text(), parse_constant=refuse)


def test_placebo_runs_are_made_where_there_is_something_to_split_or_swap(found):
    summary, _ = found("same")
    kinds = {entry["kind"] for entry in summary["placebo"]["kinds"]}
    assert kinds == {"A/A split", "label swap", "split-half"}
    assert "this analysis cried wolf" in summary["placebo"]["sentence"]
    summary, _ = found("clear")
    assert {entry["kind"] for entry in summary["placebo"]["left_out"]} == {"A/A split"}
    summary, _ = found("identical")
    assert "label swap" in {entry["kind"] for entry in summary["placebo"]["left_out"]}


def test_one_part_and_seven_give_the_same_bytes(rich):
    def text(name):
        content = json.loads((rich.root / "results" / name / "inference.json").read_text())
        content["frozen"]["first_read_at"] = None  # the one date in it
        return json.dumps(content, indent=1).replace(name, "study")

    assert len(list((rich.root / "results/seven_parts/calls").glob("*/*/*"))) == 6 * 7
    assert text("one_part") == text("seven_parts")


def test_one_core_and_two_give_the_same_bytes(rich):
    path = rich.root / "results/one_part/inference.json"
    before = path.read_bytes()
    path.unlink()
    rich.snakemake("--config", "study=one_part", "--cores", "1", str(path.relative_to(rich.root)))
    assert path.read_bytes() == before


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_threads_of_the_machine_do_not_change_a_byte(rich, threads):
    folder = rich.root / "results/seven_parts"
    arguments = ["--plan", str(folder / "plan.json"), "--output", f"again_{threads}.json"]
    arguments += ["--items", str(folder / "items.parquet"), "--ledger", "results/ledger"]
    arguments += ["--table", str(folder / "item_responses.parquet")]
    script = REPOSITORY / "scripts/infer.py"
    environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    code, output = rich.run(sys.executable, str(script), *arguments, **environment)
    assert code == 0, output
    again = (rich.root / f"again_{threads}.json").read_bytes()
    assert again == (folder / "inference.json").read_bytes()
