"""Which files a plan stands for, and the version files that stand for what a stage depends on."""

import re
from pathlib import Path

import pytest

from splitplot import paths, targets
from splitplot.errors import ConfigError, SplitplotError
from splitplot.targets import is_partial


@pytest.fixture
def plan(root, monkeypatch):
    monkeypatch.chdir(root.path)
    return root.plan(models=["sims"], replications=2, execution={"parts": 3})


def test_the_files_of_a_study_cover_every_cell_and_part(plan):
    files = targets.stage_files(plan, partial=False)
    assert len(files) == len(set(files))
    cells, parts = len(plan["cells"]), len(plan["parts"])
    assert (cells, parts) == (4, 3)
    assert sum(path.endswith("/requests.jsonl") for path in files) == cells * parts
    assert sum(path.endswith("/responses.jsonl") for path in files) == cells * parts
    assert sum(path.startswith("results/s/scores/") for path in files) == cells


def test_a_trial_that_an_edited_study_has_no_more_is_named(plan):
    message = r"trial gone--00000009 is no longer in results/s/plan\.json.*scancel it"
    with pytest.raises(SplitplotError, match=message):
        targets.trial_of(plan, "gone--00000009")


def test_a_trial_that_may_go_by_batch_has_receipts_of_every_part(root, spoken):
    plan = root.plan(models=["mini", "weak"], execution={"parts": 3})
    mini, weak = (trial["id"] for trial in plan["trials"])
    assert (targets.by_batch(plan, mini), targets.by_batch(plan, weak)) == (True, False)
    files = targets.stage_files(plan, partial=False)
    assert len(files) == len(set(files))
    receipts = {path for path in files if path.endswith(("/job.json", "/ended.json"))}
    assert receipts == {
        f"results/s/calls/{mini}/{condition['id']}/{part}/{name}"
        for condition in plan["conditions"]
        for part in plan["parts"]
        for name in ("job.json", "ended.json")
    }


def test_a_deleted_receipt_makes_the_report_out_of_date(root, spoken, monkeypatch):
    monkeypatch.chdir(root.path)
    plan = root.plan(models=["mini"])
    for path in targets.stage_files(plan, partial=False):
        root.write(path, "")
    assert targets.holes(plan, partial=False) == []
    receipt = targets.batch_files(plan)[0]
    (root.path / receipt).unlink()
    assert targets.holes(plan, partial=False) == [receipt]


def test_a_report_does_not_lack_an_estimate_that_nothing_is_made_of(plan, root):
    for path in targets.stage_files(plan, partial=False):
        root.write(path, "")
    (root.path / paths.ESTIMATE.format(study="s")).unlink()
    assert targets.holes(plan, partial=False) == []
    assert not targets.stage_version(plan, "report", partial=False).incomplete
    assert paths.ESTIMATE.format(study="s") in targets.stage_files(plan, partial=False)


def test_a_partial_report_asks_for_no_receipts(root, spoken):
    files = targets.stage_files(root.plan(models=["mini"]), partial=True)
    assert not [path for path in files if path.endswith(("/job.json", "/ended.json"))]


def test_a_partial_report_asks_for_no_responses_that_would_have_to_be_sent_for(plan):
    files = targets.stage_files(plan, partial=True)
    assert not [path for path in files if path.endswith("/responses.jsonl")]
    assert sum(path.endswith("/responses_so_far.jsonl") for path in files) == 12


def test_a_version_is_current_once_written_and_until_what_it_stands_for_changes(plan, root):
    version = targets.stage_version(plan, "scores", partial=False)
    assert not version.is_current()
    version.write()
    assert version.is_current()
    changed = root.plan(models=["sims"], scorers=["exact"])
    assert not targets.stage_version(changed, "scores", partial=False).is_current()


@pytest.mark.parametrize(
    "stage", ["items", "sending", "scores", "inference", "report", "rehearsal", "ledger"]
)
def test_every_stage_has_a_version_file_of_its_own(plan, stage):
    version = targets.stage_version(plan, stage, partial=False)
    assert version.path == paths.VERSION.format(study="s", stage=stage)


def test_a_partial_report_is_another_version_of_the_report(plan):
    whole = targets.stage_version(plan, "report", partial=False)
    assert targets.stage_version(plan, "report", partial=True) != whole


def test_the_version_of_the_ledger_changes_with_every_answer_to_a_trial_of_the_plan(plan, root):
    def version():
        return targets.stage_version(plan, "ledger", partial=True)

    empty = version()
    root.write("results/ledger/another-trial/x.jsonl", "{}\n")
    assert version() == empty
    answers = root.write(f"results/ledger/{plan['trials'][0]['hash']}/x.jsonl", "{}\n")
    first = version()
    assert first != empty
    answers.write_text("{}\n{}\n")
    assert version() != first


def test_the_version_of_a_cell_follows_its_replications_alone(plan, root):
    cell = plan["cells"][0]
    version = targets.cell_version(plan, cell["trial"], cell["condition"])
    more = root.plan(models=["sims"], replications=3, execution={"parts": 3})
    changed = targets.cell_version(more, cell["trial"], cell["condition"])
    assert (version.path, version.text != changed.text) == (changed.path, True)
    other = root.plan(models=["sims"], replications=2, scorers=["exact"])
    assert targets.cell_version(other, cell["trial"], cell["condition"]) == version


def test_the_plan_file_holds_the_plan(plan, root):
    import json

    targets.plan_version(plan).write()
    assert json.loads((root.path / "results/s/plan.json").read_text()) == plan


def test_a_local_trial_has_one_receipt_for_each_part_whatever_its_conditions(root):
    plan = root.plan(models=["tiny", "weak"], execution={"parts": 2})
    tiny, weak = (trial["id"] for trial in plan["trials"])
    assert (targets.by_engine(plan, tiny), targets.by_engine(plan, weak)) == (True, False)
    receipts = [f"results/s/calls/{tiny}/generated/{part}.json" for part in plan["parts"]]
    assert targets.generated_files(plan) == receipts
    whole = targets.stage_files(plan, partial=False)
    assert set(receipts) < set(whole) and len(whole) == len(set(whole))
    assert not set(receipts) & set(targets.stage_files(plan, partial=True))
    assert targets.generated_files(plan, partial=True) == []


@pytest.mark.parametrize(("model", "again"), [("tiny", True), ("weak", False)])
def test_costs_without_the_receipts_of_local_models_are_made_again_with_them(root, model, again):
    plan = root.plan(models=[model])
    so_far, whole = (targets.stage_version(plan, "costs", partial=p).text for p in (True, False))
    assert (so_far != whole) == again


def test_a_local_model_is_asked_for_the_requests_of_all_its_conditions(root):
    plan = root.plan(models=["tiny", "weak"])
    tiny = plan["trials"][0]["id"]
    assert targets.trial_part_files(plan, paths.REQUESTS, tiny, "0-of-1") == [
        f"results/s/calls/{tiny}/{condition['id']}/0-of-1/requests.jsonl"
        for condition in plan["conditions"]
    ]


def test_studies_of_simulators_and_providers_have_no_receipts_of_local_models(root):
    plan = root.plan(models=["mini", "sims"])
    assert targets.generated_files(plan) == []
    rehearsed = root.plan(models=["tiny"], execution={"route": "sim"})
    assert targets.generated_files(rehearsed) == []


@pytest.mark.parametrize("word", ["ture", "on", "y", "1"])
def test_a_partial_report_is_asked_for_in_words_that_are_understood(word):
    with pytest.raises(ConfigError, match=f"partial={word}: must be true or false"):
        is_partial({"partial": word})
    assert is_partial({"partial": True}) and not is_partial({"studies": ["demo"]})


def test_a_misspelt_config_key_is_refused():
    with pytest.raises(ConfigError, match='did you mean "study"'):
        is_partial({"studdy": "gsm8k"})


def test_what_is_assumed_is_a_version_of_the_rehearsal_alone(plan, root):
    def stages(plan):
        return {
            stage: targets.stage_version(plan, stage, partial=False) for stage in targets.STAGES
        }

    before = stages(plan)
    changes = {"models": ["sims"], "replications": 2, "execution": {"parts": 3}}
    piloted = root.plan(**changes, analysis={"pilot": {"from": "before"}})
    after = stages(piloted)
    assert {stage for stage in before if before[stage] != after[stage]} == {"rehearsal"}
    root.write(paths.INFERENCE.format(study="before"), "{}")
    assert stages(piloted)["rehearsal"] != after["rehearsal"]


def test_a_rehearsal_is_no_file_of_the_study(plan):
    assert not [path for path in targets.stage_files(plan, partial=False) if "rehearsal" in path]


def test_the_version_of_inference_covers_what_it_takes_from_elsewhere():
    """Else an edit there would leave old numbers beside the new code."""
    library = Path(targets.__file__).parent
    sources = [path.read_text() for path in (library / "inference").rglob("*.py")]
    taken = {
        name.replace(".", "/") + ".py"
        for source in sources
        for name in re.findall(r"^\s*from splitplot\.([\w.]+) import", source, re.MULTILINE)
        if not name.startswith("inference")
    }
    # canonical.py is pinned by tests of its own; export.py makes the table that inference reads.
    assert taken - {"errors.py", "canonical.py", "scoring/export.py"} == set(targets.INFERRING)


@pytest.mark.parametrize("stage", ["inference", "rehearsal", "report"])
def test_an_edit_of_the_amounts_changes_the_versions_that_speak_of_them(plan, stage, monkeypatch):
    before = targets.stage_version(plan, stage, partial=False).text
    monkeypatch.setattr(targets, "_code", lambda *patterns: f"edited {patterns}")
    assert targets.stage_version(plan, stage, partial=False).text != before
