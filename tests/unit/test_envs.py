"""The environments of `snakemake --sdm conda`: which rule has which, what is in it, and that it suffices."""

import hashlib
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from splitplot import job_resources
from splitplot.files import read_json, write_json

from .calls.engines.conftest import FAKE_VLLM, VLLM
from .calls.test_generate import PART, TRIAL, Place
from .test_locks import ENVS, PROJECT, REPOSITORY, entries, locked

CONDA = sorted(path.stem for path in ENVS.glob("*.yaml"))
LOCKS_OF = {"base": ["base.lock", "weights.lock"], "gpu-vllm": ["gpu-vllm.lock"]}
"""What is installed in each of them."""

EVERY_ENVIRONMENT = pytest.mark.parametrize("name", CONDA)


def rules():
    """{rule: what stands under its `conda:`}, of all rules that run a command."""
    found = {}
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        text = path.read_text(encoding="utf-8")
        for rule in re.split(r"^rule ", text, flags=re.MULTILINE)[1:]:
            name = rule.partition(":")[0]
            wanted = re.search(r"^    conda:\n\s+(.+)$", rule, flags=re.MULTILINE)
            found[name] = wanted[1] if wanted else None
    return found


def test_every_rule_names_an_environment_that_exists():
    assert len(rules()) > 12
    chosen = {
        name: wanted for name, wanted in rules().items() if wanted != '"../../envs/base.yaml"'
    }
    assert chosen == {
        "generate": 'lambda w: f"../../envs/{job_resources.environment(trial_of(w))}.yaml"'
    }
    engines = (None, "llama.cpp", "openai-server", "vllm")
    trials = [{"endpoint": {"engine": engine}} for engine in engines]
    assert {job_resources.environment(trial) for trial in trials} == set(CONDA)
    assert set(LOCKS_OF) == set(CONDA)


@EVERY_ENVIRONMENT
def test_conda_brings_a_python_of_the_locks_and_nothing_else(name):
    text = (ENVS / f"{name}.yaml").read_text(encoding="utf-8")
    wanted = yaml.safe_load(text)
    python, pip = wanted["dependencies"]
    assert pip == "pip"
    version = python.removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"--python-version (\S+)", makefile)) == {version}
    assert not {"name", "prefix"} & wanted.keys()


@EVERY_ENVIRONMENT
def test_its_script_installs_the_locks_by_hash_wherever_snakemake_runs(name, tmp_path):
    """Run with a `python` that only says how it was called, from a folder that is not the repository."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    script = ENVS / f"{name}.post-deploy.sh"
    interpreter = script.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#!")
    done = subprocess.run(
        [*shlex.split(interpreter), str(script)],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "SPLITPLOT_SCRIPTS": str(REPOSITORY / "scripts"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    folder, *arguments = done.stdout.splitlines()
    assert Path(folder).resolve() == ENVS.resolve()
    assert arguments[:3] == ["-m", "pip", "install"]
    assert {"--require-hashes", "--no-deps"} <= set(arguments)
    named = [word for before, word in pairwise(arguments) if before == "-r"]
    assert named == LOCKS_OF[name]


@EVERY_ENVIRONMENT
def test_a_changed_lock_makes_a_new_environment(name):
    """Snakemake tells environments apart by the bytes of the .yaml and of the script, which has the sums."""
    script = (ENVS / f"{name}.post-deploy.sh").read_text(encoding="utf-8")
    sums = dict(reversed(line.split()) for line in re.findall(r"^# sha256 (.+)$", script, re.M))
    assert sums == {
        lock: hashlib.sha256((ENVS / lock).read_bytes()).hexdigest() for lock in LOCKS_OF[name]
    }, "`make lock` renews the sums"


def apart():
    """{package: why its version is another one for vLLM}, from the lines of gpu-vllm.in."""
    text = (ENVS / "gpu-vllm.in").read_text(encoding="utf-8")
    return dict(re.findall(r"^# apart: (\S+)\s+(\S.*)$", text, re.MULTILINE))


def test_vllm_runs_with_the_versions_of_the_others_but_for_those_that_are_named():
    base, vllm = locked("base.lock"), locked("gpu-vllm.lock")
    differing = {name for name in base.keys() & vllm.keys() if base[name] != vllm[name]}
    assert differing == set(apart())
    assert len(base.keys() & vllm.keys()) > 40


def test_what_vllm_is_installed_with_is_in_its_lock():
    lines = (ENVS / "gpu-vllm.in").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert {"vllm", "aiohttp", "jinja2"} == {requirement.name for requirement in wanted}
    for requirement in wanted:
        version = locked("gpu-vllm.lock")[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version)


def test_slurms_executor_is_locked_within_the_bounds_of_the_project():
    wanted = [Requirement(line) for line in PROJECT["optional-dependencies"]["slurm"]]
    assert [requirement.name for requirement in wanted] == ["snakemake-executor-plugin-slurm"]
    assert wanted[0].specifier.contains(locked("base.lock")[wanted[0].name])
    assert "snakemake-executor-plugin-slurm-jobstep" in locked("base.lock")


ONLY_LOCKED = """
import runpy, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
allowed = set(sys.argv.pop(1).split(","))
owners = packages_distributions()
class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        owner = {one.lower().replace("_", "-").replace(".", "-") for one in owners.get(name, ())}
        if path is None and owner and not owner & allowed:
            raise ModuleNotFoundError(f"{name} is not in this environment", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script as if only some packages were installed."""


def generate_within(folder, mode, packages):
    """Rule generate's script for a model of vLLM's (the stand-in), with these packages only."""
    place = Place(folder, count=3)
    trial = place.plan["trials"][0]
    trial["endpoint"] = VLLM | {"mode": mode, "command": [sys.executable, str(FAKE_VLLM)]}
    write_json(folder / "plan.json", place.plan)
    words = f"--plan plan.json --calls {place.calls} --trial {TRIAL} --part {PART}"
    words += f" --ledger {place.ledger} --output receipt.json"
    script = REPOSITORY / "scripts/generate_answers.py"
    return subprocess.run(
        [sys.executable, "-c", ONLY_LOCKED, ",".join(packages), str(script), *words.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.parametrize("mode", ["run-batch", "server"])
def test_a_job_with_vllm_needs_no_package_that_is_not_in_its_lock(tmp_path, mode):
    shared = locked("gpu-vllm.lock").keys() - apart().keys()
    done = generate_within(tmp_path, mode, {"splitplot", *shared})
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "receipt.json")["outcomes"] == {"ok": 6}


def test_a_package_that_is_missing_would_be_noticed(tmp_path):
    done = generate_within(tmp_path, "server", {"splitplot", "jinja2", "markupsafe"})
    assert done.returncode != 0
    assert "aiohttp is not in this environment" in done.stderr


def test_no_hash_and_no_version_of_the_vllm_lock_depends_on_the_machine_that_made_it():
    """It is for Linux on x86-64 and one Python: no marker is left, and nothing of CUDA is missing."""
    names = {requirement.name for requirement, _ in entries("gpu-vllm.lock")}
    assert all(requirement.marker is None for requirement, _ in entries("gpu-vllm.lock"))
    assert {"vllm", "torch", "transformers", "triton"} <= names
    assert any(name.startswith("nvidia-cu") for name in names)
