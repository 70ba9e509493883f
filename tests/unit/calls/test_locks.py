"""A key that one process holds is not granted to another, and a dead process holds nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from splitplot.calls.locks import KeyLocks

HOLDER = """
import sys, time
from pathlib import Path
from splitplot.calls.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]))
print(len(locks.acquire(sys.argv[2:])), flush=True)
time.sleep(60)
"""

KEYS = [f"{number:032x}" for number in (1 << 100, 2 << 100, 3 << 100)]


def hold(path: Path, *keys: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), *keys], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == str(len(keys))
    return process


def test_two_processes_share_the_keys_and_a_kill_frees_them(tmp_path):
    path = tmp_path / "locks"
    other = hold(path, *KEYS[:2])
    locks = KeyLocks(path)
    try:
        assert locks.acquire(KEYS) == {KEYS[2]}
        other.kill()
        other.wait()
        assert locks.acquire(KEYS[:2]) == set(KEYS[:2])
    finally:
        other.kill()
        other.wait()
        locks.close()


def test_a_released_key_can_be_taken_by_another(tmp_path):
    path = tmp_path / "locks"
    locks = KeyLocks(path)
    locks.acquire(KEYS)
    locks.release(KEYS[1])
    other = hold(path, KEYS[1])
    try:
        assert locks.acquire([KEYS[1]]) == set()
    finally:
        other.kill()
        other.wait()
        locks.close()


CLAIMER = """
import sys, time
from pathlib import Path
from splitplot.calls.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]))
with locks.claiming(alone=sys.argv[2] == "alone"):
    print("in", flush=True)
    sys.stdin.readline()
"""


def claim(path: Path, how: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CLAIMER, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_who_claims_alone_waits_for_the_others_and_they_for_him(tmp_path):
    path = tmp_path / "locks"
    sharing = [claim(path, "shared"), claim(path, "shared")]
    for process in sharing:
        assert process.stdout.readline() == "in\n"  # together
    alone = claim(path, "alone")
    with pytest.raises(subprocess.TimeoutExpired):
        alone.wait(0.2)
    for process in sharing:
        process.communicate("go\n")
    assert alone.stdout.readline() == "in\n"
    late = claim(path, "shared")
    with pytest.raises(subprocess.TimeoutExpired):
        late.wait(0.2)
    alone.communicate("go\n")
    assert late.stdout.readline() == "in\n"
    late.communicate("go\n")


def test_asking_who_holds_keys_takes_none(tmp_path):
    path = tmp_path / "locks"
    other = hold(path, KEYS[0])
    locks = KeyLocks(path)
    try:
        assert locks.held_elsewhere(KEYS) == {KEYS[0]}
        third = hold(path, *KEYS[1:])  # would not get them, had the question kept them
        third.kill()
        third.wait()
    finally:
        other.kill()
        other.wait()
        locks.close()
