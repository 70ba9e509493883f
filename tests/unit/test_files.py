"""Files that are complete or absent, with the rights that the umask leaves."""

import os
import stat

import pytest

from splitplot.files import atomic_path, atomic_text, write_json


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_decides_who_may_read_a_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode


def test_a_file_that_was_not_finished_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_names_the_file_that_had_no_room(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(OSError, match="No space left") as caught, atomic_text(path):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(path)
    assert not path.exists()
