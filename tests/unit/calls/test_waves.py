"""Waves: their names, their record, the keys of their requests."""

from datetime import date

import pytest

from splitplot import paths, waves
from splitplot.calls.keys import TrialKeys, messages_json
from splitplot.calls.records import request_key
from splitplot.calls.requests import cell_of, cell_requests, write_part
from splitplot.errors import ConfigError
from splitplot.files import read_json, read_jsonl
from splitplot.items import load_items, write_items

MESSAGES = [{"role": "user", "content": "What is 2 + 2?"}]
TRIAL = {"identity": {"model": "m"}, "parameters": {"max_tokens": 5, "temperature": 0}}


@pytest.fixture
def observed(tmp_path):
    """A workspace with the report of study s."""
    report = tmp_path / paths.REPORT_JSON.format(study="s")
    report.parent.mkdir(parents=True)
    report.write_text('{"complete": true}')
    return tmp_path


def test_the_keys_of_a_wave_are_the_digests_of_the_request_with_its_name():
    body = {"messages": MESSAGES, **TRIAL["parameters"]}
    found = TrialKeys(TRIAL).of(messages_json(MESSAGES), 2, ["", "2026-12", 'a"b'])
    assert found == [
        request_key(TRIAL["identity"], body, replication, wave)
        for wave in ("", "2026-12", 'a"b')
        for replication in range(2)
    ]
    assert len(set(found)) == 6
    assert found[:2] == TrialKeys(TRIAL).of(messages_json(MESSAGES), 2)


def test_a_second_wave_keeps_every_request_of_the_first(case):
    items, _ = load_items(case.plan()["items"], root=case.path, limit=None)
    plan = case.plan()
    trial, arm, count = cell_of(plan, plan["cells"][0]["trial"], plan["cells"][0]["condition"])
    before = [request.key for request, _, _ in cell_requests(trial, arm, count, items)]
    both = [request.key for request, _, _ in cell_requests(trial, arm, count, items, ["", "w"])]
    assert len(both) == 2 * len(before) == len(set(both))
    assert set(before) < set(both)


def test_the_grid_tells_the_wave_and_counts_replications_in_it(case, tmp_path):
    plan = case.plan() | {"waves": ["", "w"]}
    items, _ = load_items(plan["items"], root=case.path, limit=None)
    write_items(tmp_path / "items.parquet", items)
    cell = plan["cells"][0]
    part = plan["parts"][0]
    write_part(plan, cell["trial"], cell["condition"], part, tmp_path / "items.parquet", tmp_path)
    rows = list(read_jsonl(tmp_path / "grid.jsonl"))
    places = [(row["item_id"], row.get("wave", ""), row["replication"]) for row in rows]
    expected = {
        (item.id, wave, replication)
        for item in items
        for wave in ("", "w")
        for replication in range(cell["replications"])
    }
    assert len(places) == len(set(places)) and set(places) == expected


def test_waves_are_recorded_once_and_in_their_order(observed):
    for wave in ("2026-12", "2027-01", "2026-12"):
        plan = {"study": "s", "waves": waves.with_wave("s", wave, observed)}
        waves.record(plan, observed)
    assert waves.with_wave("s", None, observed) == ["", "2026-12", "2027-01"]
    written = read_json(observed / paths.WAVES.format(study="s"))
    assert [entry["wave"] for entry in written] == ["2026-12", "2027-01"]
    assert waves.with_wave("other", None, observed) == [""]


def test_asking_without_recording_leaves_no_file(observed):
    assert waves.with_wave("s", "w", observed) == ["", "w"]
    waves.record({"study": "s"}, observed)
    assert not (observed / paths.WAVES.format(study="s")).exists()


@pytest.mark.parametrize("name", ["", "first", "a b", "../up", "-x", "x" * 65, "ä"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigError, match="a wave is named by up to 64 letters"):
        waves.named(name)


@pytest.mark.parametrize("value", [None, 2026.1, 7, True, ["w"]])
def test_what_is_read_as_something_else_than_a_name_is_refused(value):
    with pytest.raises(ConfigError, match="and not as a name"):
        waves.named(value)


def test_a_date_is_a_name():
    assert waves.named(date(2026, 12, 1)) == "2026-12-01"


def test_a_report_with_holes_is_no_observation(observed):
    (observed / paths.REPORT_JSON.format(study="s")).write_text('{"complete": false}')
    with pytest.raises(ConfigError, match="lacks answers"):
        waves.with_wave("s", "w", observed)


def test_what_was_not_observed_cannot_be_observed_again(tmp_path):
    with pytest.raises(ConfigError, match="make the report first, without `wave`"):
        waves.with_wave("s", "w", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"wave": "w"}',
        '[{"wave": "w"}]',
        '[{"wave": "a b", "at": ""}]',
        '[{"wave": 2026, "at": ""}]',
        '[{"wave": "first", "at": ""}]',
        '[{"wave": "w", "at": ""}, {"wave": "w", "at": ""}]',
    ],
)
def test_a_record_that_is_none_is_named(observed, text):
    path = observed / paths.WAVES.format(study="s")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not the list of the waves of s"):
        waves.with_wave("s", None, observed)


def test_only_a_plan_with_waves_has_another_digest(case):
    plain = case.plan()
    assert "waves" not in plain
    report = case.path / paths.REPORT_JSON.format(study=plain["study"])
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text('{"complete": true}')
    from splitplot.design import make_plan

    study = case.path / plain["study_file"]
    later = make_plan(study, case.path, "w")
    assert later["waves"] == ["", "w"]
    changed = {
        stage for stage in plain["digests"] if plain["digests"][stage] != later["digests"][stage]
    }
    assert changed == {"grid", "sending", "money", "plan"}
