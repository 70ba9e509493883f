"""The lock files: everything that is declared, with hashes, and no word of where it is fetched from."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
ENVS = REPOSITORY / "envs"
LOCKS = sorted(path.name for path in ENVS.glob("*.lock"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PYTHONS = ["3.11", "3.12", "3.13"]


def entries(name):
    """[(requirement, its hashes)] of a lock file."""
    text = (ENVS / name).read_text().replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = re.split(r"\s+--hash=", line)
        found.append((Requirement(requirement), hashes))
    return found


def locked(name, python="3.11"):
    """{package: its version} of a lock file, on Linux with this Python."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    versions = {}
    for requirement, _ in entries(name):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            versions[canonicalize_name(requirement.name)] = Version(pin.version)
    return versions


def declared(*extras):
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in extras)]
    return [Requirement(line) for lines in lists for line in lines]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_every_dependency_is_in_the_lock_within_its_bounds(requirement, python):
    version = locked("base.lock", python).get(canonicalize_name(requirement.name))
    assert version is not None
    assert requirement.specifier.contains(version)


def test_the_optional_package_for_the_hub_is_in_the_lock_of_the_tests():
    (requirement,) = (Requirement(line) for line in PROJECT["optional-dependencies"]["hub"])
    assert requirement.specifier.contains(locked("dev.lock")[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_one_exact_version_with_hashes(name):
    for requirement, hashes in entries(name):
        assert [pin.operator for pin in requirement.specifier] == ["=="], requirement
        assert requirement.url is None, requirement
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("path", sorted(ENVS.iterdir()), ids=lambda path: path.name)
def test_no_file_says_where_packages_are_fetched_from(path):
    text = path.read_text()
    assert "://" not in text
    options = r"(?m)^\s*(-i|-f)\b|--(extra-)?[i]ndex|--find[-]links|--trusted[-]host"
    assert not re.search(options, text)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tests_run_with_the_versions_that_a_run_uses(python):
    tests, run = locked("dev.lock", python), locked("base.lock", python)
    assert {name: tests.get(name) for name in run} == run
