"""The folder that the workflow runs in: what `init` makes, and how a study is found."""

import pytest

from splitplot.design import make_plan
from splitplot.errors import ConfigError
from splitplot.items import load_items
from splitplot.workspace import create, find_study


def test_a_new_folder_holds_a_study_that_can_be_planned_at_once(tmp_path):
    folder = tmp_path / "new"
    files = create(folder)
    assert all(path.exists() for path in files)
    plan = make_plan(find_study("first", folder), folder)
    assert (len(plan["cells"]), plan["trials"][0]["route"]) == (2, "local")
    items, _ = load_items(plan["items"], root=folder, limit=None)
    assert len(items) == 5
    assert (folder / "local" / "config.yaml").is_file()
    assert (folder / "slurm" / "config.yaml").is_file()


def test_a_folder_can_begin_with_a_study_of_splitplots_own_and_all_that_it_names(tmp_path):
    create(tmp_path, "system_prompt_ab")
    plan = make_plan(find_study("system_prompt_ab", tmp_path), tmp_path)
    assert [arm["name"] for arm in plan["conditions"]] == ["treatment", "control", "length"]
    items, _ = load_items(plan["items"], root=tmp_path, limit=None)
    assert len(items) == 144
    assert "studies: [system_prompt_ab]" in (tmp_path / "config/config.yaml").read_text()
    assert not (tmp_path / "config/studies/first.yaml").exists()


def test_a_study_that_splitplot_does_not_have_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match='no study "demmo"; did you mean "demo"'):
        create(tmp_path / "new", "demmo")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["Snakefile", "config/models.yaml", "local", ".gitignore"])
def test_an_existing_file_is_never_overwritten_and_nothing_else_is_written(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=f"{name} exists"):
        create(tmp_path)
    assert path.read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dangling_link_counts_as_existing(tmp_path):
    (tmp_path / "local").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="local exists"):
        create(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="file is not a folder"):
            create(folder)


def test_a_folder_may_hold_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    create(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.fixture
def studies(tmp_path):
    for name in ("demo", "first"):
        path = tmp_path / "config" / "studies" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def test_a_study_is_found_by_name_and_by_file(studies):
    by_name = find_study("demo", studies)
    assert studies / by_name == studies / find_study("config/studies/demo.yaml", studies)
    absolute = studies / "config" / "studies" / "demo.yaml"
    assert find_study(str(absolute), studies) == absolute


@pytest.mark.parametrize("given", ["frist", "results/first", "config/studies/frist.yaml", "first/"])
def test_a_wrong_name_gets_the_near_miss_and_the_list(studies, given):
    with pytest.raises(ConfigError) as caught:
        find_study(given, studies)
    message = str(caught.value)
    assert f'no study "{given}"' in message
    assert 'did you mean "first"?' in message
    assert "(there are: demo, first)" in message


def test_outside_a_workflow_the_message_says_so(tmp_path):
    with pytest.raises(ConfigError) as caught:
        find_study("demo", tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "splitplot init" in str(caught.value)
