"""The analysis plan is fixed by the first reading; what differs later is exploratory."""

from splitplot.frozen import note_read


def plan(analysis="a" * 16, items="i", grid="g"):
    return {"study": "s", "digests": {"analysis": analysis, "items": items, "grid": grid}}


def test_the_first_reading_is_primary_and_recorded(tmp_path):
    frozen = note_read(tmp_path, plan())
    assert frozen["status"] == "primary"
    assert frozen["extended_after_read"] is False
    assert len(list((tmp_path / "reads" / "s").iterdir())) == 1


def test_the_same_plan_read_again_leaves_no_further_record(tmp_path):
    first = note_read(tmp_path, plan())
    again = note_read(tmp_path, plan())
    assert again == first
    assert len(list((tmp_path / "reads" / "s").iterdir())) == 1


def test_another_analysis_after_reading_is_exploratory_and_going_back_is_primary(tmp_path):
    first = note_read(tmp_path, plan())
    changed = note_read(tmp_path, plan(analysis="b" * 16))
    assert (changed["status"], changed["first_read_at"]) == ("exploratory", first["first_read_at"])
    assert note_read(tmp_path, plan())["status"] == "primary"


def test_more_items_after_reading_are_told_and_the_analysis_stays_primary(tmp_path):
    note_read(tmp_path, plan())
    for extended in (plan(items="more"), plan(grid="more")):
        frozen = note_read(tmp_path, extended)
        assert (frozen["status"], frozen["extended_after_read"]) == ("primary", True)


def test_studies_do_not_see_each_others_readings(tmp_path):
    note_read(tmp_path, plan())
    other = plan(analysis="b" * 16) | {"study": "t"}
    assert note_read(tmp_path, other)["status"] == "primary"
